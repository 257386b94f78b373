"""What one attempt with stolen goods came to."""

from collections.abc import Awaitable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
from segue_client.device import Refused

SIGN_IN = "sign_in_first"
ACCEPTED = "accepted"


@dataclass(frozen=True)
class Finding:
    """`answer` is the status and the error that came back, `because` the rule that the goods are worthless by."""

    stolen: str
    tried: str
    answer: str
    because: str
    worthless: bool


async def tried(
    stolen: str, how: str, attempt: Awaitable[httpx2.Response], *, refused_with: str, because: str
) -> Finding:
    """Worthless is what is refused with this very error: another one may have another reason."""
    answer = await attempt
    word = _word(answer)
    return Finding(stolen, how, f"{answer.status_code} {word}", because, worthless=word == refused_with)


def _word(answer: httpx2.Response) -> str:
    """The error of an answer; the pages show theirs to people, so there it is the status."""
    if answer.is_redirect and urlsplit(answer.headers["Location"]).path == "/sign-in":
        return SIGN_IN
    return Refused.from_answer(answer).error if answer.is_error else ACCEPTED
