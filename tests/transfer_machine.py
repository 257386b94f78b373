"""The server and the model of it side by side: whatever is done to both, they must answer and remember the same."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from transfer_model import GRACE, HOME, UNFINISHED, Model, Observed, Step
from transfer_steps import (
    BEGINNINGS,
    BESIDE,
    FURTHER,
    GRANT,
    ITS_OWN,
    MODE,
    MOST,
    STEPS,
    TOUCHING,
    WITHDRAWALS,
    WORLD_STEPS,
    resolved,
)
from transfer_system import System, Template
from transfer_traces import Meanwhile, Trace

PARTS = 3
"""A step has as many parts at most, so another one can happen before, between or after them in four places."""


class TransferMachine(RuleBasedStateMachine):
    def __init__(self, template: Template) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="segue-transfer-"))
        self.runner = asyncio.Runner()
        self.system, self.model = System(template, self.folder), Model()
        self.seen = self.model.observed()

    def teardown(self) -> None:
        self.runner.run(self.system.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    @initialize(step=BEGINNINGS, further=FURTHER, mode=MODE)
    def start(self, step: Step, further: int, mode: str) -> None:
        """Every run begins somewhere on the way of a transfer."""
        self.begin(step, further, mode)

    @precondition(lambda self: len(self.model.transfers) < MOST)
    @rule(step=BEGINNINGS, further=FURTHER, mode=MODE)
    def begin(self, step: Step, further: int, mode: str) -> None:
        self.run(step)
        for _ in range(further if self.model.transfers else 0):
            self.run(("next", 0, mode))

    @precondition(lambda self: self.model.transfers)
    @rule(step=STEPS)
    def do(self, step: Step) -> None:
        self.run(step)

    @precondition(lambda self: self.model.transfers)
    @rule(which=st.sampled_from((0, 0, 1, 2)), beside=BESIDE, step=STEPS)
    def do_at_the_last_moment(self, which: int, beside: int, step: Step) -> None:
        """The second before, of or after the moment at which something ends."""
        if moments := self.model.deadlines():
            self.run(("wait", max(0, moments[which % len(moments)] + beside - self.model.now)))
        self.run(step)

    @precondition(lambda self: self.model.transfers)
    @rule(beside=BESIDE, mode=MODE)
    def go_on_at_the_last_moment(self, beside: int, mode: str) -> None:
        """What the honest would do next with the newest transfer, just before or after its time is over."""
        if (ends_at := self.model.transfers[-1].ends_at) > self.model.now:
            self.run(("wait", ends_at + beside - self.model.now))
        self.run(("next", 0, mode))

    @precondition(lambda self: self.model.transfers)
    @rule(first=TOUCHING, second=TOUCHING)
    def touch_it_twice(self, first: Step, second: Step) -> None:
        """One transfer, and two who want something of it."""
        self.run(first)
        self.run(second)

    @precondition(lambda self: self.model.transfers)
    @rule(first=TOUCHING, second=TOUCHING, writes=st.integers(0, PARTS - 1))
    def touch_it_at_once(self, first: Step, second: Step, writes: int) -> None:
        self.at_once(first, second, writes)

    @precondition(lambda self: self.model.transfers)
    @rule(mode=MODE, second=TOUCHING, writes=st.integers(0, PARTS - 1))
    def go_on_at_once(self, mode: str, second: Step, writes: int) -> None:
        """Somebody comes between what the honest would do next with the newest transfer."""
        self.at_once(("next", 0, mode), second, writes)

    @precondition(lambda self: self.model.transfers)
    @rule(step=WITHDRAWALS, mode=MODE)
    def withdraw_and_go_on(self, step: Step, mode: str) -> None:
        """Whoever had something on its way comes too late."""
        self.run(step)
        self.run(("next", 0, mode))

    @precondition(lambda self: len(self.model.grants) > 1)
    @rule(grant=GRANT, seconds=st.sampled_from((0, GRACE, GRACE + 1)), between=st.booleans())
    def refresh_again(self, grant: int, seconds: int, between: bool) -> None:
        """The answer was lost, and perhaps it was not."""
        first = resolved(("refresh", grant, 0, ITS_OWN), self.model)
        self._do(first)
        if between:
            self.run(("refresh", grant, 0, ITS_OWN))
        self.run(("wait", seconds))
        self._do(first)

    @precondition(lambda self: self.model.transfers)
    @rule(step=STEPS, seconds=st.sampled_from((0, 1, GRACE, GRACE + 1)))
    def do_again(self, step: Step, seconds: int) -> None:
        """The same once more, as somebody does whose answer was lost."""
        same = resolved(step, self.model)
        for each in (same, ("wait", seconds), same):
            self._do(each)

    @precondition(lambda self: self.model.transfers)
    @rule(step=WITHDRAWALS)
    def withdraw(self, step: Step) -> None:
        self.run(step)

    @rule(step=WORLD_STEPS)
    def world_does(self, step: Step) -> None:
        self.run(step)

    @precondition(lambda self: self.model.transfers)
    @rule(
        first=STEPS,
        second=STEPS | WITHDRAWALS | BEGINNINGS,
        writes=st.integers(0, PARTS - 1),
    )
    def two_at_once(self, first: Step, second: Step, writes: int) -> None:
        self.at_once(first, second, writes)

    def at_once(self, first: Step, second: Step, writes: int) -> None:
        self._do_both(resolved(first, self.model), resolved(second, self.model), writes)

    def play(self, trace: Trace) -> None:
        """A run that is known beforehand."""
        for each in trace:
            if isinstance(each, Meanwhile):
                self._do_both(each.first, each.second, each.writes)
            else:
                self._do(each)

    def _do_both(self, one: Step, other: Step, writes: int) -> None:
        """The second happens between what the first reads and what it writes. Some order must explain both answers."""
        answers = self.runner.run(self.system.do_both(one, other, writes=writes))
        seen = self._observed()
        explained = []
        for after in range(PARTS + 1):
            model = self.model.copy()
            explained.append((model.do_both(one, other, after=after), model.observed()))
            if explained[-1] == (answers, seen):
                self.model = model
                break
        else:
            raise AssertionError(f"{one} with {other} inside gave {answers}, {seen}; in no order: {explained}")
        self._check(seen)

    def run(self, step: Step) -> None:
        self._do(resolved(step, self.model))

    def _do(self, step: Step) -> None:
        """Do the step to both, and compare."""
        expected, answer = self.model.do(step), self.runner.run(self.system.do(step))
        seen = self._observed()
        assert (answer, seen) == (expected, self.model.observed()), (step, answer, expected)
        self._check(seen)
        minted_from_the_living(self.model, seen, answer)

    def _observed(self) -> Observed:
        return self.runner.run(self.system.observed())

    def _check(self, seen: Observed) -> None:
        before, self.seen = self.seen, seen
        moved_on(before, seen)
        given_once(self.model, seen)


def moved_on(before: Observed, after: Observed) -> None:
    """Nothing goes back: no end, no key, no opener, no withdrawal; rights shrink and epochs and generations grow."""
    for was, now in zip(before.transfers, after.transfers, strict=False):
        assert was[0] in UNFINISHED or now[0] == was[0], f"{was[0]} became {now[0]}"
        assert was[1] in (None, now[1]), "the opener changed"
        assert was[2] in (None, now[2]), "the key changed"
    grants = {grant[0]: grant for grant in after.grants}
    for name, key, task, epoch, generation, withdrawn, actions in before.grants:
        now = grants[name]
        assert now[1:4] == (key, task, epoch)
        assert now[4] >= generation
        assert now[5] or not withdrawn, "a withdrawn grant came back"
        assert now[6] <= actions, "rights grew"
    epochs = dict(after.epochs)
    redeemed = sum(now[0] == "redeemed" for now in after.transfers) - sum(
        was[0] == "redeemed" for was in before.transfers
    )
    risen = sum(epochs[task] - epoch for task, epoch in before.epochs)
    assert 0 <= risen <= redeemed, "the epoch rose without a redemption"


def given_once(model: Model, seen: Observed) -> None:
    """One grant for each redeemed transfer and none for another, to the key that claimed it, with no more rights."""
    redeemed = [number for number, transfer in enumerate(seen.transfers) if transfer[0] == "redeemed"]
    assert [grant[0] for grant in seen.grants] == [HOME, *redeemed]
    rights = {grant[0]: grant[6] for grant in seen.grants}
    for name, key, *_, actions in seen.grants[1:]:
        source = model.transfers[name].source
        assert key == seen.transfers[name][2]
        assert source is None or actions <= rights[source], "rights grew"


def minted_from_the_living(model: Model, seen: Observed, answer: str) -> None:
    if answer.startswith("granted "):
        name, _, generation = answer.split()[1].partition(".")
        grant = next(grant for grant in seen.grants if grant[0] == int(name))
        assert not model.grants[int(name)].revoked, "a withdrawn grant minted"
        assert grant[4] == int(generation), "there are two living refresh tokens"
