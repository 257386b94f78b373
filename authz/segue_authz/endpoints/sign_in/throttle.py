"""How often somebody may guess. Never counted for a name alone: then anybody could lock its owner out (ASVS 5.0 6.3.1).

Passkeys are not counted at all: there is nothing to guess, so they let people in while everything else is held up.
"""

from starlette.requests import Request

from segue_authz.endpoints.network import network_of, note_limited
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.known_browser import known_as

WINDOW = 300
_BY_NETWORK, _BY_NAME, _BY_BROWSER = 60, 10, 10


async def may_try(services: Services, request: Request, username: str, *, what: str = "sign-in") -> bool:
    """Counted per network, and per network and name; in a browser of the person's own, apart from both."""
    known = known_as(services, request, username)
    if known and await services.ephemeral.allow(f"{what}-known:{known}", limit=_BY_BROWSER, window=WINDOW):
        return True
    network = network_of(request)
    by_network = await services.ephemeral.allow(f"{what}:{network}", limit=_BY_NETWORK, window=WINDOW)
    key = services.derivation.digest(what, f"{network} {username}")
    if by_network and await services.ephemeral.allow(f"{what}:{key}", limit=_BY_NAME, window=WINDOW):
        return True
    note_limited(services, what)
    return False
