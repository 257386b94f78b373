"""Which client sends a request."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from segue.clock import Clock

from segue_authz.client_auth import assertion
from segue_authz.client_auth.shown import InvalidBasicCredentials, Shown, shown
from segue_authz.domain.client import Client, Method
from segue_authz.domain.profile import Profile
from segue_authz.domain.refusal import InvalidClient
from segue_authz.stores.clients import Clients
from segue_authz.tokens.derivation import same


class ClientAuthenticator:
    """Takes clients by the methods of the profile alone, whatever they are registered for."""

    def __init__(self, clients: Clients, *, issuer: str, clock: Clock, profile: Profile) -> None:
        self._clients = clients
        self._profile = profile
        self._issuer = issuer
        self._clock = clock

    async def authenticate(self, authorization: Sequence[str], form: Mapping[str, str]) -> Client:
        """The enabled client, authenticated as it is registered. Raises `InvalidClient` and `InvalidRequest`."""
        credentials = shown(authorization, form)
        client = await self._clients.enabled(credentials.client_id or assertion.subject(credentials.credential))
        if client is None:
            raise _refusal(credentials, "the client is not known")
        if client.method is not credentials.method:
            raise _refusal(credentials, "the client authenticates in another way", because=credentials.method)
        if client.method not in self._profile.methods:
            raise _refusal(credentials, "this server does not take clients that authenticate in that way")
        match client.method:
            case Method.CLIENT_SECRET_BASIC:
                if not same(client.secret_digest or "", digest(credentials.credential)):
                    raise _refusal(credentials, "the client is not known", because="another secret")
            case Method.PRIVATE_KEY_JWT:
                now = self._clock()
                jti, until = assertion.verify(
                    credentials.credential, client, issuer=self._issuer, now=now, exact=self._profile.exact_audience
                )
                if not await self._clients.first_assertion(client.client_id, jti, until=until, now=now):
                    raise InvalidClient("the client assertion is not valid", because="it was used before")
        return client


def digest(secret: str) -> str:
    """How a secret is kept: it has 256 random bits, so that a plain hash does."""
    return sha256(secret.encode()).hexdigest()


def _refusal(credentials: Shown, description: str, *, because: str = "") -> InvalidClient:
    kind = InvalidBasicCredentials if credentials.method is Method.CLIENT_SECRET_BASIC else InvalidClient
    return kind(description, because=because)
