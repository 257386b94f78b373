"""A browser in which somebody has signed in before: it counts its own tries, so that nobody else can use them up.

The cookie opens nothing. It says, by a tag of this server, that the person with this user name has signed in here; so
who guesses at the name from the same network stops others, and not its owner (OWASP, "Slow Down Online Guessing Attacks
with Device Cookies").
"""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.identifier import secret
from segue_authz.domain.policy import DAY
from segue_authz.endpoints.browser import cookie_name
from segue_authz.endpoints.services import Services
from segue_authz.tokens.derivation import same

LASTS = 180 * DAY
_DIGITS = 12


def remember(services: Services, response: Response, username: str) -> Response:
    """From now on the browser is known as one of this person's; anew with each sign-in."""
    nonce, made_at = secret(services.random, 16), services.clock()
    response.set_cookie(
        _name(services),
        f"{nonce}.{made_at}.{_tag(services, nonce, made_at, username)}",
        path="/",
        secure=services.settings.https,
        httponly=True,
        samesite="strict",
        max_age=LASTS,
    )
    return response


def known_as(services: Services, request: Request, username: str) -> str | None:
    """By what the tries of this browser are counted, if the person with this user name has signed in with it."""
    nonce, _, rest = request.cookies.get(_name(services), "").partition(".")
    made_at, _, tag = rest.partition(".")
    if not (made_at.isascii() and made_at.isdigit() and len(made_at) <= _DIGITS):
        return None
    ours = same(_tag(services, nonce, int(made_at), username), tag)
    return nonce if ours and services.clock() < int(made_at) + LASTS else None


def _name(services: Services) -> str:
    return f"{cookie_name(services)}-known"


def _tag(services: Services, nonce: str, made_at: int, username: str) -> str:
    return services.derivation.digest("known_browser", f"{nonce} {made_at} {username}")
