"""Asking a person by the backchannel (CIBA Core 1.0): what a request may say, and how often a person may be asked.

A request is a transfer like any other pull, only that it reaches the Authorization Device without a code. So that
nobody is worn down there are limits on requests for one person by one client, by all clients, and on how many people a
client may ask (RFC 10027 sections 4.3.9 and 6.1.11); each is one compare-and-set in the store.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from segue_authz.domain.transfer import Requested

DELIVERY_MODES = ("ping", "poll")

HOUR, DAY = 3_600, 86_400
LEAST_EXPIRY = 30
"""Seconds: nobody decides in less."""
REQUESTS_A_DAY = 10
"""By one client, for one person; of them one at a time."""
ANNOUNCED_A_DAY = 30
ANNOUNCED_AT_ONCE = 3
"""Requests of all clients together that one person is shown. What is beyond is not shown, and nobody is told so."""
PEOPLE_PER_RATE = 5
"""How many people a client may begin to ask in an hour, for each request a minute that `rate_limits` allows."""
PAUSES = (600, HOUR, DAY)
"""Seconds from the request that a person declined to the client's next one: after the first, the second, and so on."""
DECLINED_COUNTS_FOR = 2 * DAY
"""Longer than the longest pause, so that none ends by being forgotten."""
MUTED_FOR = 7 * DAY
"""Seconds in which a client reaches nobody who has said "I did not start this"."""
CODES_AN_HOUR, CODES_A_DAY = 5, 20
"""User codes that one client, and that all together, may try for one person."""

_MESSAGE = re.compile(r"[A-Za-z0-9#-]+( [A-Za-z0-9#-]+)*", re.ASCII)
_MESSAGE_LENGTH = 20
_NOTIFICATION_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{22,1024}=*", re.ASCII)
_USER_CODE_LENGTHS = range(6, 65)


class Proof(StrEnum):
    """What a request shows beside a hint that its client has to do with the person."""

    NOTHING = "nothing"
    ID_TOKEN = "id_token"  # noqa: S105
    USER_CODE = "user_code"


class TooOften(Exception):
    """The client has to wait; the message says what for, for the log alone."""


@dataclass(frozen=True)
class BackchannelRequest:
    """`requested.subject` is who was found, None for nobody; `person` is under what the request counts either way.

    `notification_token` is sealed, and absent if nobody wants to be told.
    """

    requested: Requested
    person: str
    proof: Proof
    binding_message: str | None
    notification_token: str | None


def acceptable_message(text: str) -> bool:
    """Whether a binding message is a short mark to compare, and no room for instructions, links or layout (7.1)."""
    return len(text) <= _MESSAGE_LENGTH and _MESSAGE.fullmatch(text) is not None


def acceptable_notification_token(text: str) -> bool:
    """A bearer value of at least 128 bits, if it is base64 (section 7.1; RFC 6750 section 2.1)."""
    return _NOTIFICATION_TOKEN.fullmatch(text) is not None


def acceptable_user_code(text: str) -> bool:
    """Whether a person may choose it."""
    return len(text) in _USER_CODE_LENGTHS and text.isprintable() and text == text.strip()


def pause_after(declined: int) -> int:
    """Seconds from the latest of so many requests that were declined to the next."""
    return PAUSES[min(declined, len(PAUSES)) - 1] if declined else 0
