"""What the approve page says of a pull in each state, and whether it knows enough to let anybody approve.

Protocol section 6.6. The sentences speak of the devices that have the task: the person may sit at none of them.
"""

from dataclasses import dataclass

from segue_authz.pages.names import PLACE, DisplayName, display_name
from segue_authz.pages.text import gettext, marked
from segue_authz.pages.views import Approve

MODES = (
    (
        "move",
        marked("Move"),
        marked("The other device takes over. Devices that have the task now can then only read it."),
    ),
    ("share", marked("Share"), marked("The other device joins. Devices that have the task now go on as well.")),
)
"""Value, name and meaning."""

_SHORT = 32
_TEXTS = {
    "requested": (marked("Let another device have a task?"), marked("If you did not start this, decline.")),
    "approved": (
        marked("Approved"),
        marked("The other device may now pick the task up. This takes a few seconds."),
    ),
    "denied": (marked("Not approved"), marked("Nothing was passed on.")),
    "guessed": (
        marked("Wrong check value"),
        marked("The value did not match too often, so this was ended. Nothing was passed on."),
    ),
    "cancelled": (marked("Withdrawn"), marked("This request has been ended. Nothing was passed on.")),
    "expired": (
        marked("Time ran out"),
        marked("Nothing was passed on. Ask again on the other device; it then shows a new code."),
    ),
}
_REDEEMED = {
    "move": (
        marked("Moved"),
        marked("The other device received the task. Devices that had it before can only read it."),
    ),
    "share": (marked("Shared"), marked("The other device received the task and can work on it.")),
}
_AGAIN = (marked("Enter another code"), "/device")
_LOOK_AFTER = (marked("See what your devices can reach"), "/devices")
_REQUESTS = (marked("See the requests that wait"), "/requests")
_ENDED = ("denied", "cancelled", "expired")
_WAYS_ON = {"approved": _LOOK_AFTER, "redeemed": _LOOK_AFTER, "denied": _AGAIN, "cancelled": _AGAIN, "expired": _AGAIN}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the template prints. `complete`: approving may be offered; `watched`: the state may still change."""

    title: str
    lead: str
    client: DisplayName | None
    device: DisplayName | None
    place: DisplayName | None
    message: DisplayName | None
    task: DisplayName | None
    mode: tuple[str, str]
    way_on: tuple[str, str] | None
    complete: bool
    watched: bool


def facts(view: Approve) -> Facts:
    """Everything the page says about `view`. KeyError for a mode or state that has no words."""
    title, lead = _text(view)
    client = display_name(view.client_name, limit=_SHORT)
    device = display_name(view.device_name, limit=_SHORT) if view.device_name.strip() else None
    decided = view.state in ("approved", "redeemed") and len(view.tasks) == 1
    known = client.text and view.network and view.actions and (view.tasks or view.may_begin)
    return Facts(
        title=title,
        lead=lead,
        client=client,
        device=device,
        place=display_name(view.place, limit=PLACE) if view.place else None,
        message=display_name(view.binding_message, limit=_SHORT) if view.binding_message else None,
        task=display_name(view.tasks[0].name) if decided else None,
        mode={value: (name, meaning) for value, name, meaning in modes()}[view.mode],
        way_on=_way_on(view),
        complete=view.state == "requested" and bool(known),
        watched=view.state in ("requested", "approved"),
    )


def modes() -> list[tuple[str, str, str]]:
    """`MODES` in the reader's language."""
    return [(value, gettext(name), gettext(meaning)) for value, name, meaning in MODES]


def _way_on(view: Approve) -> tuple[str, str] | None:
    way = _REQUESTS if view.backchannel and view.state in _ENDED else _WAYS_ON.get(view.state)
    return None if way is None else (gettext(way[0]), way[1])


def _text(view: Approve) -> tuple[str, str]:
    title, lead = _message(view)
    return gettext(title), gettext(lead)


def _message(view: Approve) -> tuple[str, str]:
    if view.backchannel and view.state == "expired":
        return _TEXTS["expired"][0], marked("Nothing was passed on. The app can ask again.")
    if view.state == "redeemed":
        return _REDEEMED[view.mode]
    return _TEXTS["guessed" if view.state == "denied" and view.attempts_left == 0 else view.state]
