"""The history checker itself: for each rule a history that breaks it is found and named, and a good one is not."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from history.checker import RULES, violations
from history.operation import Operation
from history.reading import GrantReading, LoggedEvent, Reading, TaskReading, TransferReading
from history.recorder import Recorder

pytestmark = pytest.mark.requirement("T7", "T8", "T9", "T11", "A7", "PROFILE-redeem-once", "PROFILE-lost-answer")

SECOND = 1_000_000_000


@dataclass
class Told:
    """A history in the making. Each operation is sent a second after the one before, and takes half a second."""

    operations: list[Operation] = field(default_factory=list)

    def add(self, name: str, sent: dict[str, Any], told: dict[str, Any] | None, **refused: Any) -> None:
        at = len(self.operations) * SECOND
        said = {"status": 400, "error": "invalid_grant", "retry_after": None, **refused} if refused else None
        returned = None if told is None and said is None else at + SECOND // 2
        made = Operation(len(self.operations), "p", name, sent, at, returned, told, said)
        self.operations.append(made)

    def append(self, key: str, *marks: str, first: int | None = None, **refused: Any) -> None:
        sent = {"task": "t", "device": "d", "key": key, "marks": list(marks), "epoch": 1, "writes": True}
        self.add("append", sent, None if first is None else {"first": first, "last": first + len(marks) - 1}, **refused)

    def read(self, after: int, *seen: tuple[int, str], **told: Any) -> None:
        self.add("read", {"task": "t", "after": after, "epoch": 1}, {"events": [list(pair) for pair in seen], **told})

    def change(self, key: str, *, based_on: int, version: int) -> None:
        sent = {"task": "t", "device": "d", "key": key, "item": "plan", "based_on": based_on, "mark": key, "epoch": 1}
        self.add("change", sent, {"version": version})

    def refresh(self, token: str, following: str | None = None, **refused: Any) -> None:
        told = None if following is None else {"token": following, "grant": "g"}
        self.add("refresh", {"family": "g", "token": token}, told, **refused)

    def claim(self, code: str, jkt: str, device_code: str) -> None:
        self.add("claim", {"code": code, "jkt": jkt}, {"device_code": device_code})

    def redeem(self, transfer: str, jkt: str, *, grant: str, epoch: int = 2, mode: str = "move") -> None:
        told = {"transfer": transfer, "mode": mode, "grant": grant, "task": "t", "epoch": epoch, "token": f"{grant}.0"}
        self.add("redeem", {"device_code": transfer, "jkt": jkt}, told)

    def call(self, name: str, told: dict[str, Any] | None, **sent: Any) -> None:
        number = len(self.operations)
        self.add(name, {"task": "t", "device": "d", "key": f"k{number}", "call": "c", "epoch": 1, **sent}, told)

    def propose(self, effect: str) -> None:
        sent = {"task": "t", "device": "d", "key": "propose", "effect": effect, "epoch": 1}
        self.add("propose-call", sent, {"call": "c"})

    def hold(self, counter: int, *, device: str = "d", lease: int = 1) -> None:
        """Claim, start, take effect."""
        fence = f"1.{counter}"
        self.call("claim-call", {"state": "claimed", "fence": fence}, device=device, lease=lease)
        self.call("start-call", {"state": "running", "fence": fence}, device=device, fence=fence)
        self.call("effect", {}, device=device, fence=fence)

    def complete(self, counter: int, *, device: str = "d", result: str = "done") -> None:
        said = {"state": "succeeded", "fence": f"1.{counter}"}
        self.call("complete-call", said, device=device, fence=f"1.{counter}", result=result)


def log(*marks: str | None, first: int = 1) -> list[LoggedEvent]:
    """Of messages, and of other events where the mark is None."""
    return [
        LoggedEvent(seq, "message" if mark else "task.created", f"{seq}.", mark)
        for seq, mark in enumerate(marks, start=first)
    ]


def reading(*events: LoggedEvent, **task: Any) -> Reading:
    return Reading(tasks={"t": TaskReading(list(events), **task)})


def broken(told: Told, read: Reading) -> set[str]:
    found = violations(told.operations, read)
    assert all(str(violation) for violation in found)
    return {violation.rule for violation in found}


def a_good_day() -> tuple[Told, Reading]:
    """Everything that the rules are about, and nothing broken."""
    told = Told()
    told.append("a", "a1", "a2", first=2)
    told.append("b", "b1")  # lost, and yet done
    told.append("b", "b1", first=4)
    told.append("n", "n1", status=503, error="unavailable", retry_after="1")
    told.append("s", "s1", status=409, error="stale-epoch")
    told.read(0, (1, "1."), (2, "2."), (3, "3."), (4, "4."), head=4)
    told.read(3, (4, "4."))
    told.change("v1", based_on=0, version=1)
    told.change("v2", based_on=1, version=2)
    told.refresh("g.0", "g.1")
    told.refresh("g.1")
    told.refresh("g.1", "g.2")
    told.claim("code", "phone", "trf")
    told.claim("code", "phone", "trf")
    told.add("confirm", {"transfer": "trf"}, None)
    told.redeem("trf", "phone", grant="h")
    told.redeem("trf", "phone", grant="h")
    told.add("look", {"task": "t", "epoch": 2}, {})
    told.append("late", "l1", status=409, error="stale-epoch")
    told.propose("irreversible")
    told.hold(1)
    told.complete(1)
    events = [*log(None, "a1", "a2", "b1")]
    for seq, (kind, body) in enumerate(
        [
            ("working_set.changed", {"item_id": "plan", "version": 1}),
            ("working_set.changed", {"item_id": "plan", "version": 2}),
            ("task.moved", {"epoch": 2}),
            ("tool_call.claimed", {"call_id": "c", "attempt": 1}),
            ("tool_call.succeeded", {"call_id": "c", "attempt": 1}),
        ],
        start=5,
    ):
        events.append(LoggedEvent(seq, kind, f"{seq}.", body=body))
    return told, Reading(
        tasks={"t": TaskReading(events, items={"plan": (2, "v2")}, calls={"c": ("succeeded", "done")}, epoch=2)},
        grants={"g": GrantReading(2, revoked=False), "h": GrantReading(0, revoked=False)},
        transfers={"trf": TransferReading("Redeemed", "move", "t", ["h"])},
    )


def test_a_good_history_breaks_nothing() -> None:
    told, read = a_good_day()
    assert violations(told.operations, read) == []


def _without_gap(told: Told) -> Reading:
    return reading(LoggedEvent(1, "task.created", "1."), LoggedEvent(3, "message", "3.", "a1"))


def _lost_append(told: Told) -> Reading:
    told.append("a", "a1", first=2)
    return reading(*log(None))


def _doubled_append(told: Told) -> Reading:
    told.append("a", "a1", first=2)
    return reading(*log(None, "a1", "a1"))


def _sent_by_nobody(told: Told) -> Reading:
    return reading(*log(None, "a1"))


def _two_answers(told: Told) -> Reading:
    told.append("a", "a1", first=2)
    told.append("a", "a1", first=3)
    return reading(*log(None, "a1"))


def _overtaken(told: Told) -> Reading:
    told.append("a", "a1", first=3)
    told.append("b", "b1", first=2)
    return reading(*log(None, "b1", "a1"))


def _done_after_all(told: Told) -> Reading:
    told.append("a", "a1", status=503, error="unavailable", retry_after="1")
    return reading(*log(None, "a1"))


def _gap_for_a_reader(told: Told) -> Reading:
    told.append("a", "a1", "a2", first=2)
    told.read(0, (1, "1."), (3, "3."))
    return reading(*log(None, "a1", "a2"))


def _old_read(told: Told) -> Reading:
    told.append("a", "a1", first=2)
    told.read(0, (1, "1."), head=1)
    return reading(*log(None, "a1"))


def _lost_update(told: Told) -> Reading:
    told.change("one", based_on=1, version=2)
    told.change("other", based_on=1, version=3)
    changes = [LoggedEvent(n, "working_set.changed", "", body={"item_id": "plan", "version": n}) for n in (1, 2, 3)]
    return reading(*changes, items={"plan": (3, "other")})


def _lost_change(told: Told) -> Reading:
    told.change("one", based_on=0, version=1)
    return reading(*log(None))


def _overwritten_change(told: Told) -> Reading:
    told.change("one", based_on=0, version=1)
    change = LoggedEvent(1, "working_set.changed", "", body={"item_id": "plan", "version": 1})
    return reading(change, items={"plan": (1, "another")})


def _change_logged_twice(told: Told) -> Reading:
    told.change("one", based_on=0, version=1)
    changes = [LoggedEvent(n, "working_set.changed", "", body={"item_id": "plan", "version": 1}) for n in (1, 2)]
    return reading(*changes, items={"plan": (1, "one")})


def _rotated_twice(told: Told) -> Reading:
    told.refresh("g.0", "g.1")
    told.refresh("g.0", "g.2")
    return Reading()


def _two_lines_into_one(told: Told) -> Reading:
    told.refresh("g.0", "g.2")
    told.refresh("g.1", "g.2")
    return Reading()


def _used_up_and_good(told: Told) -> Reading:
    told.refresh("g.0", "g.1")
    told.refresh("g.1", "g.2")
    told.refresh("g.0", "g.1")
    return Reading()


def _lives_on(told: Told) -> Reading:
    told.refresh("g.0", "g.1")
    told.refresh("g.1", "g.2")
    told.refresh("g.0", status=400)
    told.refresh("g.2", "g.3")
    return Reading()


def _forgotten_rotation(told: Told) -> Reading:
    told.refresh("g.0", "g.1")
    told.refresh("g.1", status=400)
    return Reading()


def _rotation_not_written(told: Told) -> Reading:
    told.refresh("g.0", "g.1")
    return Reading(grants={"g": GrantReading(0, revoked=False)})


def _two_claims(told: Told) -> Reading:
    told.claim("code", "phone", "trf")
    told.claim("code", "thief", "trf")
    return Reading()


def _another_answer_to_a_claim(told: Told) -> Reading:
    told.claim("code", "phone", "trf")
    told.claim("code", "phone", "other")
    return Reading()


def _redeemed_twice(told: Told) -> Reading:
    told.add("confirm", {"transfer": "trf"}, {})
    told.redeem("trf", "phone", grant="h")
    told.redeem("trf", "phone", grant="i")
    return Reading(transfers={"trf": TransferReading("Redeemed", "move", "t", ["h"])})


def _redeemed_unasked(told: Told) -> Reading:
    told.redeem("trf", "phone", grant="h")
    return Reading(transfers={"trf": TransferReading("Redeemed", "move", "t", ["h"])})


def _one_epoch_for_two_moves(told: Told) -> Reading:
    for transfer in ("trf1", "trf2"):
        told.add("confirm", {"transfer": transfer}, {})
        told.redeem(transfer, "phone", grant=transfer, epoch=2)
    return Reading()


def _late_write(told: Told) -> Reading:
    told.add("look", {"task": "t", "epoch": 2}, {})
    told.append("a", "a1", first=2)
    return reading(*log(None, "a1"))


def _redemption_undone(told: Told) -> Reading:
    told.add("confirm", {"transfer": "trf"}, {})
    told.redeem("trf", "phone", grant="h")
    return Reading(transfers={"trf": TransferReading("Approved", "move", "t", [])})


def _epoch_not_raised(told: Told) -> Reading:
    told.add("confirm", {"transfer": "trf"}, {})
    told.redeem("trf", "phone", grant="h")
    task = TaskReading(log(None), epoch=1)
    return Reading(tasks={"t": task}, transfers={"trf": TransferReading("Redeemed", "move", "t", ["h"])})


def _one_fence_for_two(told: Told) -> Reading:
    told.hold(1)
    told.hold(1, device="e")
    return Reading()


def _fence_goes_down(told: Told) -> Reading:
    told.hold(2)
    told.hold(1, device="e")
    return Reading()


def _taken_within_the_lease(told: Told) -> Reading:
    told.hold(1, lease=60)
    told.hold(2, device="e")
    return Reading()


def _two_effects(told: Told) -> Reading:
    told.hold(1)
    told.call("effect", {}, fence="1.1")
    return Reading()


def _irreversible_twice(told: Told) -> Reading:
    told.propose("irreversible")
    told.hold(1)
    told.hold(2, device="e")
    return Reading()


def _effect_before_start(told: Told) -> Reading:
    told.call("claim-call", {"state": "claimed", "fence": "1.1"}, lease=1)
    told.call("start-call", None, fence="1.1")
    told.call("effect", {}, fence="1.1")
    return Reading()


def _late_result(told: Told) -> Reading:
    told.hold(1)
    told.hold(2, device="e")
    told.complete(1)
    return Reading()


def _call_gone(told: Told) -> Reading:
    told.propose("pure")
    return reading(*log(None))


def _another_result(told: Told) -> Reading:
    told.hold(1)
    told.complete(1)
    return reading(*log(None), calls={"c": ("succeeded", "something else")})


def _left_in_flight(told: Told) -> Reading:
    told.hold(1)
    return reading(*log(None), calls={"c": ("running", None)})


def _ended_twice(told: Told) -> Reading:
    told.hold(1)
    told.complete(1)
    ends = [LoggedEvent(n, "tool_call.succeeded", "", body={"call_id": "c", "attempt": 1}) for n in (1, 2)]
    return reading(*ends, calls={"c": ("succeeded", "done")})


def _failed_badly(told: Told) -> Reading:
    told.append("a", "a1", status=500, error="server-error")
    return Reading()


def _unavailable_for_how_long(told: Told) -> Reading:
    told.append("a", "a1", status=503, error="unavailable", retry_after=None)
    return Reading()


BROKEN = [
    ("sequence-dense", _without_gap),
    ("append-kept", _lost_append),
    ("append-once", _doubled_append),
    ("append-sent", _sent_by_nobody),
    ("same-key-same-answer", _two_answers),
    ("real-time-order", _overtaken),
    ("nothing-done", _done_after_all),
    ("reader-prefix", _gap_for_a_reader),
    ("read-what-was-acknowledged", _old_read),
    ("no-lost-update", _lost_update),
    ("change-kept", _lost_change),
    ("change-kept", _overwritten_change),
    ("change-logged-once", _change_logged_twice),
    ("rotated-once", _rotated_twice),
    ("one-line", _two_lines_into_one),
    ("reuse-refused", _used_up_and_good),
    ("reuse-ends-family", _lives_on),
    ("rotation-kept", _forgotten_rotation),
    ("family-kept", _rotation_not_written),
    ("one-device-claims", _two_claims),
    ("claim-repeats", _another_answer_to_a_claim),
    ("redeemed-once", _redeemed_twice),
    ("approved-first", _redeemed_unasked),
    ("epoch-rises", _one_epoch_for_two_moves),
    ("fenced", _late_write),
    ("redemption-kept", _redemption_undone),
    ("redemption-kept", _epoch_not_raised),
    ("claim-exclusive", _one_fence_for_two),
    ("claim-exclusive", _fence_goes_down),
    ("claim-within-lease", _taken_within_the_lease),
    ("effect-once", _two_effects),
    ("effect-once", _irreversible_twice),
    ("started-first", _effect_before_start),
    ("late-refused", _late_result),
    ("call-kept", _call_gone),
    ("call-kept", _another_result),
    ("call-ends", _left_in_flight),
    ("logged-once", _ended_twice),
    ("plain-outage", _failed_badly),
    ("plain-outage", _unavailable_for_how_long),
]


@pytest.mark.parametrize(("rule", "tell"), BROKEN, ids=[f"{rule}:{tell.__name__[1:]}" for rule, tell in BROKEN])
def test_a_broken_rule_is_found_and_named(rule: str, tell: Any) -> None:
    told = Told()
    assert rule in broken(told, tell(told))


def test_each_rule_has_a_history_that_breaks_it() -> None:
    assert {rule for rule, _ in BROKEN} == set(RULES)


def test_who_broke_it_is_shown_and_nobody_else() -> None:
    told, read = a_good_day()
    told.add("look", {"task": "t", "epoch": 3}, {})
    told.append("too-late", "late", status=409, error="stale-epoch")
    sent = {"task": "t", "device": "d", "key": "too-late-2", "item": "other", "based_on": 0, "mark": "m", "epoch": 2}
    told.add("cancel-call", {**sent, "writes": True, "call": "c"}, {})
    (violation,) = violations(told.operations, read)
    assert violation.rule == "fenced"
    assert [each.name for each in violation.by] == ["look", "cancel-call"]


def test_what_is_written_down_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    with Recorder(file) as recorder:
        lost, told, refused = (recorder.begin("p", "append", key=key) for key in "abc")
        recorder.told(told, first=1)
        recorder.refused(refused, status=503, error="in-doubt", retry_after="1")
        recorder.lost(lost, "ReadError")
        operations = recorder.history()
    with file.open("a") as cut_short:
        cut_short.write('{"op": 7, "na')
    with Recorder(file) as recorder:
        assert recorder.history() == operations
    assert [(each.told, each.in_doubt) for each in operations] == [(None, True), ({"first": 1}, False), (None, True)]
    assert operations[0].returned_at is None
    assert operations[1].precedes(replace(operations[2], invoked_at=(operations[1].returned_at or 0) + 1))
