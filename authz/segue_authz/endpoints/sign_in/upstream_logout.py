"""Where a provider says that a person has signed out there (OpenID Connect Back-Channel Logout 1.0 section 2.5).

The sessions that were begun by it end here. A front-channel logout (OpenID Connect Front-Channel Logout 1.0) is not
offered: it needs our cookie in a foreign frame, which no cookie of ours is sent to.
"""

import logging

from segue_storage.database import DatabaseUnavailable
from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.refusal import InvalidRequest, Refusal
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.network import limit, network_of
from segue_authz.endpoints.operation import TEXT, operation
from segue_authz.endpoints.services import Services
from segue_authz.outbound import NotReached
from segue_authz.upstream.signed import NotBelieved

_LOG = logging.getLogger("segue_authz")
_MOST, _WINDOW = 600, 60


class LogoutFailed(Refusal):
    """Section 2.8: a logout that failed is told by 400 as well, and the provider may try again."""

    error = "temporarily_unavailable"


@operation(
    "A provider at which people sign in ends their sessions here (OpenID Connect Back-Channel Logout 1.0)",
    form={"logout_token": TEXT},
    answers={200: {}},
    refuses=(InvalidRequest, LogoutFailed),
)
async def log_out(services: Services, request: Request) -> Response:
    await limit(services, f"upstream-logout:{network_of(request)}", most=_MOST, window=_WINDOW)
    form, provider = await read_form(request), services.upstream.provider(request.path_params["provider"])
    if provider is None or not form.get("logout_token"):
        raise InvalidRequest("a provider that is known here sends its logout_token")
    try:
        told = await services.upstream.logout(provider, form["logout_token"])
        ended = await services.upstream_sessions.end(
            told.issuer,
            sub=told.sub,
            sid=told.sid,
            digest=services.derivation.digest("upstream_logout", f"{told.issuer} {told.jti}"),
            happened_at=told.iat,
            now=services.clock(),
        )
    except NotBelieved as wrong:
        raise InvalidRequest("the logout token is not valid", because=str(wrong)) from wrong
    except (NotReached, DatabaseUnavailable) as away:
        raise LogoutFailed("the logout could not be carried out", because=str(away)) from away
    if ended is None:
        raise InvalidRequest("the logout token is not valid", because="it was told before")
    _LOG.info("logout at %s: %d sessions ended", provider.name, ended)
    return answered({})
