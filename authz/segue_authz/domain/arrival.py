"""A device has got a task: the person hears of it, and some hours later says whether the device is still theirs."""

from dataclasses import dataclass
from enum import StrEnum

from segue_authz.domain.policy import DAY

ASK_AGAIN_AFTER = DAY
ASKED_AT_MOST = 2
"""A question that is not answered is told once more, and then stays on the pages."""
ASKED_WITHIN = 7 * DAY
"""A device of longer ago is not asked about: the server was down or the setting was off, and it is on the page."""
NEW_FOR = 7 * DAY


class Answer(StrEnum):
    MINE = "mine"
    NOT_MINE = "not_mine"


class Answered(StrEnum):
    """What an answer has done."""

    KEPT = "kept"
    ENDED = "ended"
    LATE = "late"
    """The device has no access any more, or the question has been answered, or there is none."""


@dataclass(frozen=True)
class Arrival:
    """A device has got a task. Its name is what it says of itself; the rest is what the server knows."""

    grant_id: str
    device_id: str
    task_id: str
    transfer_id: str | None
    joined_at: int
    device_name: str
    network: str
    client_name: str
    client_verified: bool
