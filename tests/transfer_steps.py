"""What the stateful test can do: steps in words such as "the newest transfer" and "its own key", and what they mean."""

from typing import Any

from hypothesis import strategies as st
from transfer_model import HOME, LIFETIMES, OTHER, OWN, STRANGER, Model, Step, Transfer
from transfer_system import KEYS

MOST = 3
"""Transfers in one run."""

ITS_OWN = "its own"
"""The claiming key, or the browser that opened it."""

TRANSFER, GRANT = st.sampled_from((0, 0, 0, 1, 2)), st.integers(0, MOST)  # counted from the newest
FURTHER = st.integers(0, 4)  # steps that a transfer is taken further when it begins
KEY = st.sampled_from((ITS_OWN, ITS_OWN, *KEYS))
BROWSER = st.sampled_from((ITS_OWN, ITS_OWN, OWN, OTHER, STRANGER))
MODE, CHOICE = st.sampled_from(("move", "share")), st.sampled_from(("move", "share", "new"))
BESIDE = st.sampled_from((-1, 0, 1))


def _any_of(*steps: tuple[Any, ...]) -> st.SearchStrategy[Step]:
    return st.one_of(*(st.tuples(st.just(name), *arguments) for name, *arguments in steps))


ABOUT_IT = tuple(
    (name, 0, *arguments)
    for name, arguments in (
        ("claim", (ITS_OWN,)),
        ("claim", ("second",)),
        ("redeem", (ITS_OWN,)),
        ("redeem", (ITS_OWN,)),
        ("redeem", ("thief",)),
        ("enter", (ITS_OWN,)),
        ("enter", (OTHER,)),
        ("enter", (STRANGER,)),
        ("decide", (ITS_OWN, "right", "move")),
        ("decide", (ITS_OWN, "right", "new")),
        ("decide", (ITS_OWN, "wrong", "move")),
        ("decide", (OTHER, "right", "share")),
        ("decline", (ITS_OWN,)),
        ("give_up", (ITS_OWN,)),
        ("cancel", ()),
        ("report", ()),
    )
)
"""What everybody who has to do with the newest transfer may do to it at any moment."""
TOUCHING = st.sampled_from(ABOUT_IT)
BEGINNINGS = _any_of(("push", GRANT, MODE), ("pull", st.sampled_from(("phone", "second", "desk"))))
NEXT = _any_of(("next", TRANSFER, MODE))  # what the honest do, so that the ends are reached and not only beginnings
DEVICE_STEPS = _any_of(
    ("claim", TRANSFER, KEY),
    ("redeem", TRANSFER, KEY),
    ("give_up", TRANSFER, KEY),
    ("refresh", GRANT, st.integers(0, 2), KEY),
)
PERSON_STEPS = _any_of(
    ("enter", TRANSFER, BROWSER),
    ("decide", TRANSFER, BROWSER, st.sampled_from(("right", "wrong", "wrong")), CHOICE),
    ("decline", TRANSFER, BROWSER),
)
STEPS = st.sampled_from((NEXT, NEXT, DEVICE_STEPS, PERSON_STEPS)).flatmap(lambda steps: steps)
WITHDRAWALS = _any_of(
    ("cancel", TRANSFER),
    ("give_back", GRANT),
    ("report", TRANSFER),
    ("revoke_device", st.sampled_from(("phone", "phone", *KEYS))),
    ("revoke_everything",),
    ("disable_account",),
    ("enable_account",),
)
WAITS = sorted({lifetime + beside for lifetime in LIFETIMES for beside in (-1, 0, 1)})
WORLD_STEPS = _any_of(("wait", st.sampled_from(WAITS)), ("restart",))


def resolved(step: Step, model: Model) -> Step:
    """The step with everything by its name: transfer or grant, key or browser, token."""
    name, *arguments = step
    if name in ("push", "give_back", "refresh"):
        names = sorted(model.grants, reverse=True)
        arguments[0] = names[arguments[0] % len(names)]
        if name == "refresh":
            grant = model.grants[arguments[0]]
            arguments[1] = max(0, grant.generation - arguments[1])
            arguments[2] = grant.key if arguments[2] == ITS_OWN else arguments[2]
    elif name in ("next", "claim", "redeem", "give_up", "enter", "decide", "decline", "cancel", "report"):
        arguments[0] = len(model.transfers) - 1 - arguments[0] % len(model.transfers)
        transfer = model.transfers[arguments[0]]
        if name == "next":
            return _next(arguments[0], transfer, arguments[1], model)
        if name in ("claim", "redeem", "give_up"):
            arguments[1] = transfer.key or "phone" if arguments[1] == ITS_OWN else arguments[1]
        elif name not in ("cancel", "report"):
            arguments[1] = transfer.opened_by or OWN if arguments[1] == ITS_OWN else arguments[1]
    return (name, *arguments)


def _next(number: int, transfer: Transfer, mode: str, model: Model) -> Step:
    """How the honest go on, so that the ends are reached and not only the beginnings; both devices in the end."""
    if transfer.state == "offered":
        return ("claim", number, "phone")
    if transfer.entering or (transfer.state == "claimed" and transfer.opened_by is None):
        return ("enter", number, OWN)
    if transfer.state in ("requested", "claimed"):
        return ("decide", number, transfer.opened_by, "right", "new" if transfer.opened_by == STRANGER else mode)
    if transfer.state == "redeemed" and mode == "move":
        source = HOME if transfer.source is None else transfer.source
        return ("refresh", source, model.grants[source].generation, model.grants[source].key)
    return ("redeem", number, transfer.key or "phone")
