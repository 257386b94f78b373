"""Anything at any moment: a tool call in the real store, over HTTP, against a model of it (T9).

`SEGUE_TEST_EXAMPLES` sets the number of runs and makes them different each time; without it they are always the same.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from resource_world import Device, StoreWorld, open_store_world
from segue_resource.domain import tool_call
from tool_call_model import FINISHED, QUIET, Model, Step

EXAMPLES = os.environ.get("SEGUE_TEST_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or 40),
    stateful_step_count=25,
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=[Phase.generate],
)
NAMES = ("desk", "phone")
LEASES = (1, 60)
DEVICE, LEASE, BACK = st.sampled_from(NAMES), st.sampled_from(LEASES), st.sampled_from((0, 0, 0, 1))
FOUND, OUTCOME = st.sampled_from(("happened", "did_not_happen", "cannot_tell")), st.sampled_from(("one", "two"))
WAITS = sorted({length + beside for length in (*LEASES, QUIET) for beside in (-1, 0, 1)})


class Runs:
    """One store for all runs of a test; each run has a task of its own."""

    def __init__(self, runner: asyncio.Runner, world: StoreWorld) -> None:
        self.runner = runner
        self.world = world


class ToolCallMachine(RuleBasedStateMachine):
    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self.world, self.run = runs.world, runs.runner.run
        self.task_id = f"tsk_{secrets.token_hex(8)}"
        self.run(self.world.begin(self.task_id))
        self.devices: dict[str, Device] = {name: self.world.device(task_id=self.task_id) for name in NAMES}
        self.reader = self.world.device(task_id=self.task_id)  # by the task's first epoch, so it fences nobody

    @initialize(
        effect=st.sampled_from(("idempotent", "reconcilable", "reconcilable", "irreversible")),
        further=st.integers(0, 3),
    )
    def propose(self, effect: str, further: int) -> None:
        self.model = Model(effect, dict.fromkeys(NAMES, 1), self.world.now)
        self.call_id = self.run(self.devices["desk"].propose(effect))
        for _ in range(further):
            self.goes_on("desk")

    @rule(device=DEVICE)
    def goes_on(self, device: str) -> None:
        """What the honest do next, so that the ends are reached."""
        first: dict[str, Step] = {
            "proposed": ("approve", device),
            "approved": ("claim", device, 60),
            "claimed": ("start", self.model.holder, 0, 60),
            "running": ("complete", self.model.holder, 0, "one"),
            "unknown": ("probe", device, 60) if self.model.finder == "probe" else ("settle", device, 0, "happened"),
        }
        self.do(first.get(self.model.state, ("claim", device, 60)))

    @rule(device=DEVICE, lease=LEASE)
    def claims(self, device: str, lease: int) -> None:
        self.do(("claim", device, lease))

    @rule(step=st.sampled_from(("start", "heartbeat")), device=DEVICE, back=BACK, lease=LEASE)
    def holds(self, step: str, device: str, back: int, lease: int) -> None:
        self.do((step, device, back, lease))

    @rule(step=st.sampled_from(("complete", "fail")), device=DEVICE, back=BACK, outcome=OUTCOME)
    def finishes(self, step: str, device: str, back: int, outcome: str) -> None:
        self.do((step, device, back, outcome))

    @rule(device=DEVICE, lease=LEASE)
    def is_lost(self, device: str, lease: int) -> None:
        """The holder says nothing more, and somebody else wants the call."""
        self.do(("wait", 61))
        self.do(("claim", device, lease))

    @rule(device=DEVICE, lease=LEASE)
    def probes(self, device: str, lease: int) -> None:
        self.do(("probe", device, lease))

    @precondition(lambda self: self.model.state == "unknown")
    @rule(device=DEVICE, lease=LEASE)
    def waits_and_probes(self, device: str, lease: int) -> None:
        self.do(("wait", QUIET + 61))
        self.do(("probe", device, lease))

    @rule(device=DEVICE, back=BACK, found=FOUND)
    def reconciles(self, device: str, back: int, found: str) -> None:
        self.do(("reconcile", device, back, found))

    @precondition(lambda self: self.model.state == "unknown")
    @rule(device=DEVICE, behind=st.sampled_from((0, 0, 1)), found=st.sampled_from(("happened", "did_not_happen")))
    def settles(self, device: str, behind: int, found: str) -> None:
        self.do(("settle", device, behind, found))

    @rule(step=st.sampled_from(("approve", "deny")), device=DEVICE)
    def decides(self, step: str, device: str) -> None:
        self.do((step, device))

    @rule(device=DEVICE, really=st.sampled_from((False, False, False, True)))
    def cancels(self, device: str, really: bool) -> None:
        if really:
            self.do(("cancel", device))

    @rule(device=DEVICE)
    def moves(self, device: str) -> None:
        self.do(("move", device))

    @rule(seconds=st.sampled_from(WAITS))
    def waits(self, seconds: int) -> None:
        self.do(("wait", seconds))

    def do(self, step: Step) -> None:
        answer = self.run(self.answer(step))
        assert answer == self.model.do(step), step
        seen = self.run(self.seen())
        assert seen == self.model.seen(), (step, answer)

    async def answer(self, step: Step) -> str:
        name, *arguments = step
        if name == "wait":
            await self.world.later(int(str(arguments[0])))
            return "done"
        device = self.devices[str(arguments[0])]
        if name == "move":
            device.claims["epoch"] = max(each.claims.get("epoch", 1) for each in self.devices.values()) + 1
            return "done"
        content = self.content(str(arguments[0]), name, arguments[1:])
        device.refresh()
        answered = await device.step(self.call_id, name, **content)
        return "done" if answered.status_code == 200 else str(answered.json()["type"]).rpartition(":")[2]

    def content(self, device: str, name: str, arguments: list[object]) -> dict[str, Any]:
        match name, arguments:
            case "claim" | "probe", [lease]:
                return {"lease": lease}
            case "start" | "heartbeat", [back, lease]:
                return {"fence": self.model.given(device, int(str(back))), "lease": lease}
            case "complete", [back, outcome]:
                return {"fence": self.model.given(device, int(str(back))), "result": outcome}
            case "fail", [back, outcome]:
                return {"fence": self.model.given(device, int(str(back))), "error": outcome}
            case "reconcile", [back, found]:
                return {"fence": self.model.given(device, int(str(back))), "outcome": found}
            case "settle", [behind, found]:
                return {"attempt": self.model.attempt - int(str(behind)) or 99, "outcome": found}
            case _:
                return {}

    async def seen(self) -> tuple[object, ...]:
        self.reader.refresh()
        call = await self.reader.read(f"/tool-calls/{self.call_id}")
        assert ("finished_at" in call and call["finished_at"] is not None) == (call["state"] in FINISHED)
        return call["state"], call["attempt"], call["waits_for"]


@pytest.fixture(params=["embedded", pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])])
def runs(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Runs]:
    database_url, ephemeral_url = f"sqlite:///{tmp_path}/resource.db", None
    if request.param == "scaled":
        redis = request.getfixturevalue("redis_server")
        redis.ask("FLUSHALL")
        database_url, ephemeral_url = request.getfixturevalue("postgresql_database"), redis.url
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        opened = open_store_world(tmp_path, database_url=database_url, ephemeral_url=ephemeral_url)
        yield Runs(runner, runner.run(stack.enter_async_context(opened)))
        runner.run(stack.aclose())


@pytest.mark.requirement("T9", "R14", "R15")
def test_whatever_happens_to_a_tool_call_the_store_does_what_the_model_says(runs: Runs) -> None:
    run_state_machine_as_test(lambda: ToolCallMachine(runs), settings=SETTINGS)


@pytest.mark.requirement("T9", "R15")
def test_the_machine_finds_a_store_that_believes_its_clock(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_call, "CLOCKS_DIFFER", 0)
    with pytest.raises(AssertionError, match="too-early"):
        run_state_machine_as_test(lambda: ToolCallMachine(runs), settings=SETTINGS)
