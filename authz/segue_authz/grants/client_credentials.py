"""The client credentials grant (RFC 6749 section 4.4): a server asks this one for a service, as itself and for nobody.

Never for a task: a task takes a person, whom no credential of a client stands for.
"""

from segue_authz.domain.client import Method
from segue_authz.domain.refusal import InvalidAuthorizationDetails, InvalidScope, InvalidTarget, UnauthorizedClient
from segue_authz.grants.request import Served, TokenRequest


class ClientCredentialsGrant:
    def __init__(self, *, issuer: str) -> None:
        self._issuer = issuer

    async def grant(self, request: TokenRequest) -> Served:
        client, form = request.client, request.form
        if client.method is Method.NONE or not client.services:
            raise UnauthorizedClient("the client is not registered for a service of this server")
        if "authorization_details" in form:
            raise InvalidAuthorizationDetails("a task takes a person")
        if form.get("resource", self._issuer) != self._issuer:
            raise InvalidTarget("services are those of this server alone")
        asked = frozenset(form["scope"].split(" ")) if "scope" in form else client.services
        if not asked <= client.services:
            raise InvalidScope("the client is not registered for that service")
        return Served(client.client_id, asked)
