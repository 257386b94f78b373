"""What the devices page says of each access and transfer (A10)."""

from segue_authz.pages.duration import ago
from segue_authz.pages.views import TaskAccess, TransferRow

_ACCESS = {"write": "Can work on it", "read": "Can only read it"}
_CAME = {None: "Allowed", "move": "Moved here", "share": "Shared with it", "delegate": "Called in by a device of yours"}
_DIRECTIONS = {"push": "Passed on from a device of yours", "pull": "Asked for by the other device"}
_STATES = {
    "requested": "Waiting for you to decide",
    "offered": "Waiting for the other device",
    "claimed": "Waiting for you to decide",
    "approved": "Approved, not picked up yet",
    "denied": "Not approved",
    "cancelled": "Stopped",
    "expired": "Time ran out",
    "reported": "Reported: you did not start this",
}
_REDEEMED = {"move": "Moved", "share": "Shared"}


def access_words(access: TaskAccess, now: int) -> str:
    """What the device may do with the task, and since when. KeyError for what has no words."""
    return f"{_ACCESS[access.access]}. {_CAME[access.mode]} {ago(now - access.since)}."


def used_words(access: TaskAccess, now: int) -> str:
    """When the access was used last, as far as is known."""
    return "Not used yet." if access.last_used_at is None else f"Last used {ago(now - access.last_used_at)}."


def transfer_words(transfer: TransferRow) -> str:
    """How a transfer stands or ended. KeyError for a state or mode that has no words."""
    if transfer.state == "redeemed":
        return "Received" if transfer.mode is None else _REDEEMED[transfer.mode]
    return _STATES[transfer.state]


def direction_words(transfer: TransferRow) -> str:
    """Which side began. KeyError for an unknown direction."""
    return _DIRECTIONS[transfer.direction]
