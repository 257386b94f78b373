"""For each fault of transfer_faults.py a short run in which the model and the faulty server must part.

A run is a list of steps as transfer_model.py names them; `Meanwhile` is a step with another one in the middle of it.
"""

from dataclasses import dataclass

from transfer_model import CODE, DECISION, GRACE, HOME, OTHER, OWN, STRANGER, Step


@dataclass(frozen=True)
class Meanwhile:
    """The second happens whole before the next write of the first but `writes`."""

    first: Step
    second: Step
    writes: int = 0


Trace = tuple[Step | Meanwhile, ...]

REDEEM: Step = ("redeem", 0, "phone")
BY_A_THIEF: Step = ("redeem", 0, "thief")
DECLINE: Step = ("decline", 0, OWN)
WRONG: Step = ("decide", 0, OWN, "wrong", "move")
REFRESH_HOME: Step = ("refresh", HOME, 0, "desk")


def _push(number: int, mode: str = "move") -> Trace:
    return (("push", HOME, mode), ("claim", number, "phone"), ("enter", number, OWN))


def _approval(number: int = 0) -> Step:
    return ("decide", number, OWN, "right", "move")


TRACES: dict[str, Trace] = {
    "check_then_act": (("push", HOME, "move"), Meanwhile(("claim", 0, "phone"), ("claim", 0, "second"))),
    "late_approval": (*_push(0), Meanwhile(_approval(), DECLINE, writes=1)),
    "poll_writes_the_whole_row": (*_push(0), Meanwhile(REDEEM, DECLINE, writes=1)),
    "any_key_redeems": (*_push(0), _approval(), BY_A_THIEF),
    "any_browser_decides": (*_push(0), ("decide", 0, OTHER, "right", "move")),
    "tries_are_not_counted": (*_push(0), WRONG, WRONG),
    "a_spread_code_goes_on": (("pull", "phone"), ("enter", 0, OWN), ("enter", 0, STRANGER)),
    "a_second_more_to_claim": (("push", HOME, "move"), ("wait", CODE), ("claim", 0, "phone")),
    "a_second_more_to_redeem": (*_push(0), _approval(), ("wait", DECISION), REDEEM),
    "a_second_more_of_grace": (REFRESH_HOME, ("wait", GRACE + 1), REFRESH_HOME),
    "reuse_is_answered": (REFRESH_HOME, ("refresh", HOME, 1, "desk"), REFRESH_HOME),
    "replay_revokes_nothing": (*_push(0), _approval(), REDEEM, BY_A_THIEF),
    "the_epoch_rises_twice": (*_push(0), _approval(), REDEEM),
    "a_withdrawn_source_still_gives": (*_push(0), _approval(), ("give_back", HOME), REDEEM),
    "a_revoked_device_still_mints": (
        *_push(0, "share"),
        _approval(),
        REDEEM,
        ("revoke_device", "phone"),
        *_push(1),
        _approval(1),
        ("redeem", 1, "phone"),
    ),
    "who_lost_the_task_still_writes": (*_push(0), _approval(), REDEEM, ("refresh", HOME, 1, "desk")),
}
