"""What the devices page says of each access and transfer (A10)."""

from segue_authz.pages.duration import ago
from segue_authz.pages.text import gettext, marked
from segue_authz.pages.views import TaskAccess, TransferRow

_ACCESS = {"write": marked("Can work on it."), "read": marked("Can only read it.")}
_CAME = {
    None: marked("Allowed %(ago)s."),
    "move": marked("Moved here %(ago)s."),
    "share": marked("Shared with it %(ago)s."),
    "delegate": marked("Called in by a device of yours %(ago)s."),
}
_DIRECTIONS = {
    "push": marked("Passed on from a device of yours, %(ago)s"),
    "pull": marked("Asked for by the other device, %(ago)s"),
}
_STATES = {
    "requested": marked("Waiting for you to decide"),
    "offered": marked("Waiting for the other device"),
    "claimed": marked("Waiting for you to decide"),
    "approved": marked("Approved, not picked up yet"),
    "denied": marked("Not approved"),
    "cancelled": marked("Stopped"),
    "expired": marked("Time ran out"),
    "reported": marked("Reported: you did not start this"),
}
_REDEEMED = {None: marked("Received"), "move": marked("Moved"), "share": marked("Shared")}


def access_words(access: TaskAccess, now: int) -> str:
    """What the device may do with the task, and since when. KeyError for what has no words."""
    return f"{gettext(_ACCESS[access.access])} {gettext(_CAME[access.mode], ago=ago(now - access.since))}"


def used_words(access: TaskAccess, now: int) -> str:
    """When the access was used last, as far as is known."""
    if access.last_used_at is None:
        return gettext("Not used yet.")
    return gettext("Last used %(ago)s.", ago=ago(now - access.last_used_at))


def transfer_words(transfer: TransferRow) -> str:
    """How a transfer stands or ended. KeyError for a state or mode that has no words."""
    words = _REDEEMED[transfer.mode] if transfer.state == "redeemed" else _STATES[transfer.state]
    return gettext(words)


def direction_words(transfer: TransferRow, now: int) -> str:
    """Which side began, and when. KeyError for an unknown direction."""
    return gettext(_DIRECTIONS[transfer.direction], ago=ago(now - transfer.at))
