"""One tool call in a bad world: a deterministic simulation, one schedule of faults for each seed.

The rules are those of `segue_resource.domain.tool_call` themselves. Around them: two server processes with clocks up to
five minutes fast or slow that may die between reading and writing, requests that are lost, late, doubled or overtaken,
answers that are lost, devices that crash at any point and remember at most the fence they were given, transfers at any
moment, a person who settles what nobody knows by looking, and a system downstream that counts what was done to it.

What holders are trusted with (specs/protocol.md section 8): they begin the effect only after `start` was answered and
while their lease lasts by their own stopwatch, and every attempt names the call's `downstream_key`.
"""

import heapq
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from segue_resource.domain import tool_call
from segue_resource.domain.refusal import Held, OutcomeUnknown, Refused, StaleEpoch
from segue_resource.domain.tool_call import (
    FINISHED,
    HELD,
    Effect,
    Grip,
    Holder,
    Outcome,
    State,
    Step,
    ToolCall,
    WaitsFor,
    first_state,
)

LEASE = 60
PATIENCE = 20
"""Seconds after which a device takes an answer for lost."""
FAST_OR_SLOW = 300
DEVICES = ("dev_a", "dev_b", "dev_c")
CALM = 1_500
"""Seconds after which nothing goes wrong any more."""
END = 20_000


class Broken(AssertionError):
    """The world did what it must never do; the message tells the whole schedule."""


@dataclass(frozen=True)
class Ask:
    """A request of a device. With the same key it is the same request."""

    verb: str
    key: int
    arguments: dict[str, Any] = field(default_factory=dict)


Behaviour = Generator[Ask | float, Any, None]


class Simulation:
    def __init__(self, seed: int, *, effect: Effect) -> None:
        self.dice = random.Random(seed)
        self.now = 0
        self.call = ToolCall(
            task_id="tsk_1",
            call_id="call_1",
            tool="t",
            title="T",
            arguments={},
            effect=effect,
            state=first_state(effect),
            attempt=0,
            fence=None,
            holder=None,
            result=None,
            error=None,
            proposed_seq=1,
            started_at=None,
            finished_at=None,
        )
        self.effects: list[str] = []
        self.told: list[str] = []
        self._answered: dict[int, ToolCall | Refused] = {}
        self._acknowledged: list[Any] = []
        self._holder = ""
        self._promised = 0
        self._kept: dict[str, str] = {}
        self._offsets = [self._offset(), self._offset()]
        self._epoch = self._task_epoch = 1
        self._tokens = dict.fromkeys(DEVICES, 1)
        self._lives = dict.fromkeys(DEVICES, 0)
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0

    def run(self) -> ToolCall:
        """The call when all is over. Raises `Broken`."""
        for device in DEVICES:
            self._begin(device)
        self._live(self._person())
        self._live(self._moves())
        self._live(self._clocks())
        while self._waiting and self.now < END:
            self.now, _, happen = heapq.heappop(self._waiting)
            happen()
        self._check()
        return self.call

    # What the devices and the person do

    def _device(self, device: str) -> Behaviour:
        if device in self._kept:
            yield from self._hold(device, self._kept[device])
        while True:
            yield self._pause(40)
            answer, _ = yield from self._asked("claim", lease=LEASE)
            if isinstance(answer, OutcomeUnknown) and answer.waits_for == WaitsFor.PROBE:
                yield from self._probe(device)
            if not isinstance(answer, ToolCall):
                continue
            if answer.state in FINISHED:
                return
            if answer.state is State.CLAIMED:
                self._kept[device] = str(answer.fence)
                yield from self._hold(device, str(answer.fence))

    def _hold(self, device: str, fence: str) -> Behaviour:
        yield self._pause(10)
        answer, held_from = yield from self._asked("start", fence=fence, lease=LEASE)
        if not isinstance(answer, ToolCall):
            return
        for _ in range(self.dice.randrange(3) if self._rarely() else 0):
            yield self._pause(LEASE // 2)
            answer, asked_at = yield from self._asked("heartbeat", fence=fence, lease=LEASE)
            held_from = asked_at if isinstance(answer, ToolCall) else held_from
        yield self._pause(2 * LEASE if self._rarely() else 10)
        if self.now >= held_from + LEASE:
            return
        if self._rarely():
            yield from self._asked("fail", fence=fence, error="it cannot be done")
            return
        self._take_effect(device)
        yield self._pause(LEASE if self._rarely() else 5)
        answer, _ = yield from self._asked("complete", fence=fence, result=device)
        if isinstance(answer, ToolCall):
            self._acknowledged.append(device)

    def _probe(self, device: str) -> Behaviour:
        answer, _ = yield from self._asked("probe", lease=LEASE)
        if not isinstance(answer, ToolCall):
            return
        fence = str(answer.fence)
        yield self._pause(10)
        found = Outcome.CANNOT_TELL if self._rarely() else self._truth()
        yield from self._asked("reconcile", fence=fence, outcome=found)

    def _person(self) -> Behaviour:
        while self.call.state not in FINISHED:
            yield self._pause(200)
            if self.call.state is State.PROPOSED:
                self._act("person", "approve", lambda: tool_call.approve(self.call))
            elif self.call.waits_for is WaitsFor.PERSON:
                attempt, found = self.call.attempt, self._truth()
                if found is Outcome.HAPPENED or self._server_time() >= (self.call.quiet_from or 0):
                    yield self._pause(900 if self._rarely() else 30)
                    self._act("person", "settle", self._settling(found, attempt))
            elif self.dice.random() < 0.01:
                self._act("person", "cancel", lambda: tool_call.cancel(self.call, None, now=self._server_time()))

    def _settling(self, found: Outcome, attempt: int) -> Callable[[], Step]:
        def settle() -> Step:
            return tool_call.settle(self.call, found, attempt=attempt, result="seen", now=self._server_time())

        return settle

    def _moves(self) -> Behaviour:
        while self.now < CALM:
            yield self._pause(600)
            self._epoch += 1
            device = self.dice.choice(DEVICES)
            self._tokens[device] = self._epoch
            self.told.append(f"{self.now} the task moves to {device}, epoch {self._epoch}")

    def _clocks(self) -> Behaviour:
        while self.now < CALM:
            yield self._pause(500)
            self._offsets[self.dice.randrange(2)] = self._offset()

    def _take_effect(self, device: str) -> None:
        self.effects.append(device)
        self.told.append(f"{self.now} {device} takes effect")

    def _truth(self) -> Outcome:
        return Outcome.HAPPENED if self.effects else Outcome.DID_NOT_HAPPEN

    # Requests, answers and what becomes of them

    def _asked(self, verb: str, **arguments: Any) -> Generator[Ask | float, Any, tuple[Any, int]]:
        """The answer and when it was asked for; the same request again when no answer comes, a few times."""
        self._order += 1
        ask, asked_at = Ask(verb, self._order, arguments), self.now
        for _ in range(3):
            answer = yield ask
            if answer is not None:
                return answer, asked_at
        return None, asked_at

    def _begins(self, device: str, epoch: int, ask: Ask, answered: Callable[[Any], None]) -> None:
        """A process reads, decides, and compares and sets; meanwhile others do too, or it dies."""
        if ask.key in self._answered or epoch < self._task_epoch:
            answered(self._answered.get(ask.key, StaleEpoch()))
            return
        self._task_epoch, read, now = epoch, self.call, self._server_time()
        try:
            step = self._step(device, ask, now=now)
        except Refused as refusal:
            moved = isinstance(refusal, Held) and read.fence is not None and read.fence.epoch < epoch
            self._require(not moved, f"{device} is kept out by a holder from before the move")
            answered(refusal)
            return

        def commit() -> None:
            if self.is_unchanged(read, ask, epoch):
                self._watch(device, ask.verb, step, now=now)
                self.call = step.call
                self._answered[ask.key] = answer = step.refusal or step.call
                answered(answer)

        if not self._goes_wrong():
            commit()
        elif self.dice.random() < 0.8:
            self._at(self._pause(20), commit)

    def is_unchanged(self, read: ToolCall, ask: Ask, epoch: int) -> bool:
        """The comparison of compare and set: the call, the task's epoch, and that the request was not answered."""
        return self.call is read and self._task_epoch == epoch and ask.key not in self._answered

    def _watch(self, device: str, verb: str, step: Step, *, now: int) -> None:
        """One holder at a time, and the word of nobody else counts."""
        before, after = self.call, step.call
        taken = verb == "claim" and before.state in HELD and after != before
        if taken and before.holder and before.fence and before.fence.epoch == self._task_epoch:
            self._require(self._promised <= now, f"{device} takes it from a holder whose lease lives")
        if step.refusal is None and verb in ("claim", "start", "heartbeat"):
            self._promised = now + LEASE
        if verb == "claim" and after.state is State.CLAIMED:
            self._holder = device
        if verb == "complete" and before.state is not State.SUCCEEDED and after.state is State.SUCCEEDED:
            self._require(device == self._holder, f"{self._holder} holds it, and the result of {device} is accepted")

    def _step(self, device: str, ask: Ask, *, now: int) -> Step:
        given = ask.arguments
        lease_until = now + given.get("lease", 0)
        grip = Grip(device, given.get("fence", ""))
        match ask.verb:
            case "claim":
                return tool_call.claim(self.call, Holder(device, None, lease_until), epoch=self._task_epoch, now=now)
            case "probe":
                return tool_call.probe(self.call, Holder(device, None, lease_until), epoch=self._task_epoch, now=now)
            case "start":
                return tool_call.start(self.call, grip, lease_until=lease_until, now=now)
            case "heartbeat":
                return tool_call.heartbeat(self.call, grip, lease_until=lease_until)
            case "fail":
                return tool_call.fail(self.call, grip, error=given["error"], now=now)
            case "complete":
                return tool_call.complete(self.call, grip, result=given["result"], now=now)
            case _:
                return tool_call.reconcile(self.call, grip, given["outcome"], result="found", now=now)

    def _act(self, who: str, verb: str, step: Callable[[], Step]) -> None:
        """The person at a page: no network in between."""
        try:
            self.call = step().call
        except Refused as refusal:
            self.told.append(f"{self.now} {who} {verb}: {type(refusal).__name__}")
        else:
            self.told.append(f"{self.now} {who} {verb}: {self.call.state}")

    def _send(self, device: str, ask: Ask, hear: Callable[[Any], None]) -> None:
        heard = False

        def once(answer: Any) -> None:
            nonlocal heard
            if not heard:
                heard = True
                hear(answer)

        def answered(answer: Any) -> None:
            what = answer.state if isinstance(answer, ToolCall) else type(answer).__name__
            self.told.append(f"{self.now} {device} {ask.verb} {ask.arguments.get('fence', '')}: {what}")
            if not self._goes_wrong():
                self._at(self._pause(3), lambda: once(answer))

        def arrive() -> None:
            self._begins(device, epoch, ask, answered)

        epoch = self._tokens[device]
        copies = 2 if self._goes_wrong() else 1
        for _ in range(0 if self._goes_wrong() else copies):
            self._at(self._pause(150 if self._goes_wrong() else 3), arrive)
        self._at(PATIENCE, lambda: once(None))

    # The machine

    def _begin(self, device: str) -> None:
        self._lives[device] += 1
        life = self._lives[device]
        self._live(self._device(device), device, lambda: self._lives[device] == life)
        if self.now < CALM:
            self._at(self._pause(900), lambda: self._crash(device, life))

    def _crash(self, device: str, life: int) -> None:
        if self._lives[device] == life and self.now < CALM:
            self.told.append(f"{self.now} {device} crashes")
            self._lives[device] += 1
            self._at(self._pause(300), lambda: self._begin(device))

    def _live(self, behaviour: Behaviour, device: str = "", alive: Callable[[], bool] = lambda: True) -> None:
        def go_on(value: Any) -> None:
            if not alive():
                return
            try:
                wanted = behaviour.send(value)
            except StopIteration:
                return
            if isinstance(wanted, Ask):
                self._send(device, wanted, go_on)
            else:
                self._at(wanted, lambda: go_on(None))

        go_on(None)

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._waiting, (self.now + int(seconds), self._order, happen))

    def _pause(self, most: int) -> int:
        return self.dice.randrange(1, most + 1)

    def _goes_wrong(self) -> bool:
        return self.now < CALM and self.dice.random() < 0.12

    def _rarely(self) -> bool:
        return self.now < CALM and self.dice.random() < 0.2

    def _offset(self) -> int:
        return self.dice.randint(-FAST_OR_SLOW, FAST_OR_SLOW)

    def _server_time(self) -> int:
        return self.now + self.dice.choice(self._offsets)

    def _check(self) -> None:
        call = self.call
        once = call.effect in (Effect.PURE, Effect.IDEMPOTENT) or len(self.effects) <= 1
        self._require(once, "it was executed twice")
        self._require(call.state in FINISHED or call.waits_for is not None, "it is lost: nobody is asked for anything")
        self._require(call.state in FINISHED, "it never ended, though all was calm at last")
        done = call.state is not State.SUCCEEDED or bool(self.effects)
        self._require(done, "it is said to have been done, and nothing was done")
        for device in self._acknowledged:
            kept = call.state is State.SUCCEEDED and call.result == device
            self._require(kept, f"the result of {device} was accepted and is gone")

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise Broken("\n".join([otherwise, f"{self.call.effect}, {self.call.state}", *self.told]))
