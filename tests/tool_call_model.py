"""What specs/protocol.md section 8 says of one tool call, written down a second time: no code is shared with the store.

A step is its name and its arguments; the answer is the slug of the problem, or "done".
"""

from dataclasses import dataclass, field

Step = tuple[str, *tuple[object, ...]]

QUIET = 600
REPEATABLE = ("pure", "idempotent")
FINISHED = ("succeeded", "failed", "cancelled")
NO_FENCE = "0.0"


@dataclass
class Model:
    effect: str
    devices: dict[str, int]
    """The epoch of each device's token."""
    now: int
    state: str = ""
    attempt: int = 0
    fence: str | None = None
    holder: str | None = None
    lease_until: int = 0
    finder: str | None = None
    outcome: object = None
    epoch: int = 1
    fences: dict[str, list[str]] = field(default_factory=dict)
    """What each device was ever given, oldest first."""

    def __post_init__(self) -> None:
        self.state = "approved" if self.effect in REPEATABLE else "proposed"

    def do(self, step: Step) -> str:
        name, *arguments = step
        if name == "wait":
            self.now += int(str(arguments[0]))
            return "done"
        if name == "move":
            self.devices[str(arguments[0])] = max(self.devices.values()) + 1
            return "done"
        device = str(arguments.pop(0))
        if self.devices[device] < self.epoch:
            return "stale-epoch"
        self.epoch = self.devices[device]
        answer: str = getattr(self, name)(device, *arguments)
        return answer

    def given(self, device: str, back: int) -> str:
        """The fence that the device was given last, or so many before it."""
        own = self.fences.get(device, [])
        return own[-1 - back] if back < len(own) else NO_FENCE

    def seen(self) -> tuple[object, ...]:
        waits = {"proposed": "person", "approved": "holder", "claimed": "holder", "running": "holder"}
        waits_for = self.finder if self.state == "unknown" else waits.get(self.state)
        return self.state, self.attempt, waits_for

    def approve(self, _: str) -> str:
        if self.state not in ("proposed", "approved"):
            return "wrong-state"
        self.state = "approved"
        return "done"

    def deny(self, _: str) -> str:
        return self._ends("cancelled") if self.state == "proposed" else "wrong-state"

    def claim(self, device: str, lease: int) -> str:
        if self.state == "proposed":
            return "not-approved"
        if self.state == "unknown":
            return "outcome-unknown"
        if self.state in ("claimed", "running"):
            if not self._lost():
                return "held"
            if self.state == "running" and self.effect not in REPEATABLE:
                self.state, self.fence = "unknown", None
                self.finder = "probe" if self.effect == "reconcilable" else "person"
                return "outcome-unknown"
        if self.state not in FINISHED:
            self.state = "claimed"
            self._take(device, lease)
        return "done"

    def start(self, device: str, back: int, lease: int) -> str:
        if refusal := self._refused(device, back, "claimed"):
            return refusal
        self.state, self.lease_until = "running", self.now + lease
        return "done"

    def heartbeat(self, device: str, back: int, lease: int) -> str:
        if refusal := self._refused(device, back, "claimed", "running", "unknown"):
            return refusal
        self.lease_until = self.now + lease
        return "done"

    def complete(self, device: str, back: int, result: object) -> str:
        return self._finishes(device, back, "succeeded", result)

    def fail(self, device: str, back: int, error: object) -> str:
        return self._finishes(device, back, "failed", error)

    def probe(self, device: str, lease: int) -> str:
        if self.state != "unknown":
            return "wrong-state"
        if self.finder != "probe":
            return "outcome-unknown"
        if self.fence is not None and not self._lost():
            return "held"
        if self._may_be_at_it():
            return "too-early"
        self._take(device, lease)
        return "done"

    def reconcile(self, device: str, back: int, found: str) -> str:
        return self._refused(device, back, "unknown") or self._settled(found)

    def settle(self, _: str, behind: int, found: str) -> str:
        if self.state != "unknown":
            return "wrong-state"
        if behind:
            return "another-attempt"
        if found == "did_not_happen" and self._may_be_at_it():
            return "too-early"
        return self._settled(found)

    def cancel(self, _: str) -> str:
        if self.state in ("succeeded", "failed"):
            return "wrong-state"
        return self._ends("cancelled")

    def _take(self, device: str, lease: int) -> None:
        self.attempt += 1
        self.fence, self.holder, self.lease_until = f"{self.epoch}.{self.attempt}", device, self.now + lease
        self.fences.setdefault(device, []).append(self.fence)

    def _lost(self) -> bool:
        return self.lease_until <= self.now or int(str(self.fence).partition(".")[0]) < self.epoch

    def _may_be_at_it(self) -> bool:
        return self.fence is None and self.holder is not None and self.now < self.lease_until + QUIET

    def _refused(self, device: str, back: int, *states: str) -> str | None:
        if (device, self.given(device, back)) != (self.holder, self.fence):
            return "fenced"
        return None if self.state in states else "wrong-state"

    def _finishes(self, device: str, back: int, state: str, outcome: object) -> str:
        if refusal := self._refused(device, back, "running", state):
            return refusal
        if self.state == state:
            return "done" if self.outcome == outcome else "wrong-state"
        self.state, self.outcome = state, outcome
        return "done"

    def _settled(self, found: str) -> str:
        self.fence, self.finder = None, None
        if found == "happened":
            self.state = "succeeded"
        elif found == "did_not_happen":
            self.state, self.holder = "approved", None
        else:
            self.finder, self.holder = "person", None
        return "done"

    def _ends(self, state: str) -> str:
        self.state, self.fence, self.finder = state, None, None
        return "done"
