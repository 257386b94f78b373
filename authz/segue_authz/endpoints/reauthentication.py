"""Signing in anew for one request, when the client or the resource server behind it wants to know who is here now.

RFC 9470 section 5: `max_age`, `acr_values` and `prompt` of OpenID Connect Core section 3.1.2.1. Whoever has just signed
in for a request is sent back to it with a mark that no other browser, session or request has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from segue_authz.domain.account import PASSKEY_ACR, PASSWORD_ACR, BrowserSession
from segue_authz.domain.refusal import (
    InteractionRequired,
    InvalidRequest,
    LoginRequired,
    UnmetAuthenticationRequirements,
)
from segue_authz.endpoints.services import Services
from segue_authz.tokens.derivation import same

ACRS = (PASSKEY_ACR, PASSWORD_ACR)
"""The strongest first. A recovery code has one too, which nobody can ask for."""
PROMPTS = ("login", "consent", "none")
GOOD_FOR = 600
"""Seconds in which the request must be answered for which somebody has signed in anew."""
_MARK = "&signed_in="
_LONGEST = 10
"""Digits of a `max_age`."""


@dataclass(frozen=True)
class Wanted:
    """`max_age` in seconds since the person signed in; `anew`: they have to, however short ago that was.

    `acrs`: in one of these ways, or in any if there are none.
    """

    max_age: int | None
    anew: bool
    silent: bool
    acrs: frozenset[str] = frozenset()

    @property
    def recent(self) -> bool:
        """Whether it matters when or how the person signed in."""
        return self.anew or self.max_age is not None or bool(self.acrs)


def wanted(parameters: Mapping[str, str]) -> Wanted:
    """Raises `InvalidRequest` and `UnmetAuthenticationRequirements`."""
    prompts = parameters["prompt"].split(" ") if "prompt" in parameters else []
    if not set(prompts) <= set(PROMPTS) or ("none" in prompts and len(prompts) > 1):
        raise InvalidRequest("prompt has a value that is not known here")
    text = parameters.get("max_age")
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise InvalidRequest("max_age must be a number of seconds")
    acrs = frozenset(parameters.get("acr_values", "").split(" ")) & frozenset(ACRS)
    if "acr_values" in parameters and not acrs:
        raise UnmetAuthenticationRequirements("nobody can sign in here in one of those ways")
    max_age = None if text is None else int(text)
    return Wanted(max_age, anew="login" in prompts or max_age == 0, silent="none" in prompts, acrs=acrs)


def satisfied(services: Services, session: BrowserSession, wanted: Wanted, query: str) -> bool:
    """Whether the person has signed in as the request wants it."""
    age = services.clock() - session.auth_time
    if wanted.acrs and session.acr not in wanted.acrs:
        return False
    if signed_in_for(services, session, f"/authorize?{query}"):
        return True
    return not wanted.anew and (wanted.max_age is None or age <= wanted.max_age)


def signed_in_for(services: Services, session: BrowserSession, here: str) -> bool:
    """Whether the address ends in this session's mark: the person has signed in anew, of late, for what is there."""
    address, _, tag = here.rpartition(_MARK)
    recent = services.clock() - session.auth_time <= GOOD_FOR
    return bool(address) and recent and same(_tag(services, session.session_id, address), tag)


def unmarked(address: str) -> str:
    return address.rpartition(_MARK)[0] or address


def require_interaction(wanted: Wanted, *, signed_in: bool) -> None:
    """A task is never given without asking the person. Raises `LoginRequired` and `InteractionRequired`."""
    if wanted.silent:
        raise InteractionRequired("the person has to be asked") if signed_in else LoginRequired("nobody is signed in")


async def require_possible(services: Services, session: BrowserSession, wanted: Wanted) -> None:
    """RFC 9470 section 5: who has no way to sign in as it is wanted is not sent to try, and the client is told.

    Raises `UnmetAuthenticationRequirements`.
    """
    if wanted.acrs and not wanted.acrs & (await services.ways.of(session.subject)).acrs:
        raise UnmetAuthenticationRequirements("the person has none of those ways to sign in")


def sign_in_anew(query: str, acrs: frozenset[str] = frozenset()) -> Response:
    """Send the person to the sign-in page, whoever is signed in, and back to the request. `acrs`: what will do."""
    here = f"/authorize?{unmarked(query)}"
    ways = f"&acr_values={quote(' '.join(sorted(acrs)), safe='')}" if acrs else ""
    return RedirectResponse(f"/sign-in?anew=yes{ways}&return_to={quote(here, safe='')}", status_code=303)


def marked(services: Services, session_id: str, return_to: str) -> str:
    """The way back, for the session that has just begun."""
    return f"{return_to}{_MARK}{_tag(services, session_id, return_to)}" if "?" in return_to else return_to


def _tag(services: Services, session_id: str, return_to: str) -> str:
    return services.derivation.digest("signed_in", f"{session_id} {return_to}")
