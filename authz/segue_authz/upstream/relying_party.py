"""This server as a client of its providers: sends people there, and reads what they come back with.

authlib's client puts together the request (Core section 3.1.2.1, with PKCE) and asks for the tokens; what they say is
checked in `signed` and `id_token`, because authlib leaves several audiences, times of the wrong kind and the age of a
sign-in to its caller.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx2
import jwt
from authlib.common.urls import add_params_to_qs, add_params_to_uri
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from segue.clock import Clock

from segue_authz.domain.identifier import Random, secret
from segue_authz.outbound import Outbound
from segue_authz.tokens.derivation import Derivation
from segue_authz.upstream.discovery import Discovery, Metadata
from segue_authz.upstream.id_token import Expected, Identity, identity
from segue_authz.upstream.logout_token import Logout, logout
from segue_authz.upstream.provider import PrivateKey, Provider
from segue_authz.upstream.reach import Reach
from segue_authz.upstream.signed import NotBelieved

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME = 60


class NotLetIn(Exception):
    """Somebody whom the operator does not let in from there."""


@dataclass(frozen=True)
class Wish:
    """How the person is to sign in there. `max_age` in seconds; `anew`: whoever is signed in there already."""

    max_age: int | None = None
    anew: bool = False
    acr_values: tuple[str, ...] = ()


class RelyingParty:
    """All providers. `development`: this server is on a loopback address, and its providers may be too."""

    def __init__(
        self,
        providers: Sequence[Provider],
        *,
        issuer: str,
        outbound: Outbound,
        development: bool,
        derivation: Derivation,
        clock: Clock,
        random: Random,
    ) -> None:
        self.providers = tuple(providers)
        self._by_name = {provider.name: provider for provider in providers}
        self._issuer = issuer
        self._derivation = derivation
        self._clock = clock
        self._random = random
        self._reach = {each.name: Reach(outbound.also(each.networks), development=development) for each in providers}
        self._discovery = Discovery(self._reach, clock)

    def provider(self, name: str) -> Provider | None:
        return self._by_name.get(name)

    def of_issuer(self, issuer: str | None) -> Provider | None:
        return next((provider for provider in self.providers if provider.issuer == issuer), None)

    def redirect_uri(self, provider: Provider) -> str:
        """Each provider has its own, so that an answer says from whom it claims to be (RFC 9700 section 4.4.2.2)."""
        return f"{self._issuer}/sign-in/upstream/{provider.name}/callback"

    async def authorization_url(self, provider: Provider, *, state: str, wish: Wish) -> str:
        """Where the browser goes. Nonce and verifier belong to the state. Raises `NotReached` and `NotBelieved`."""
        metadata = await self._discovery.metadata(provider)
        further: dict[str, str] = {} if wish.max_age is None else {"max_age": str(wish.max_age)}
        if wish.anew:
            further["prompt"] = "login"
        if wish.acr_values:
            further["acr_values"] = " ".join(wish.acr_values)
        async with self._client(provider, metadata) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=state,
                code_verifier=self._derivation.digest("upstream_verifier", state),
                nonce=self._nonce(state),
                **further,
            )
        return str(url)

    async def check_issuer(self, provider: Provider, iss: str | None) -> None:
        """RFC 9207 section 2.4: an answer that names its issuer, or should, is of this one. Raises `NotBelieved`."""
        expected = (await self._discovery.metadata(provider)).sends_iss
        if (iss is None and expected) or (iss is not None and iss != provider.issuer):
            raise NotBelieved("the answer is of another issuer, or does not say of which")

    async def identity(
        self, provider: Provider, *, code: str, state: str, signed_in_since: int | None = None
    ) -> Identity:
        """Who has signed in there. Raises `NotReached`, `NotBelieved`, and `NotLetIn`."""
        metadata = await self._discovery.metadata(provider)
        async with self._client(provider, metadata) as client:
            try:
                told = await client.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=self._derivation.digest("upstream_verifier", state),
                )
            except (OAuthError, httpx2.HTTPError, ValueError, TypeError, KeyError) as refused:
                raise NotBelieved(f"the code gives no tokens: {type(refused).__name__}") from refused
        id_token, access_token = _tokens(told)
        token = await self._discovery.signed(provider, id_token)
        expected = Expected(self._nonce(state), access_token, signed_in_since)
        found = identity(token, provider, expected, now=self._clock())
        if not provider.lets_in(token.claims):
            raise NotLetIn("its claims are not those that are required")
        return found

    async def logout(self, provider: Provider, logout_token: str) -> Logout:
        """What a provider says has ended there. Raises `NotReached` and `NotBelieved`."""
        token = await self._discovery.signed(provider, logout_token)
        return logout(token, provider, now=self._clock())

    async def end_session_url(self, provider: Provider) -> str | None:
        """Where the person can sign out there as well (RP-Initiated Logout 1.0 section 2); None if nowhere.

        Without the ID token: it is not kept, and has no place in an address. The provider asks the person then.
        Raises `NotReached` and `NotBelieved`.
        """
        end = (await self._discovery.metadata(provider)).end_session_endpoint
        if end is None:
            return None
        there = [("client_id", provider.client_id), ("post_logout_redirect_uri", f"{self._issuer}/signed-out")]
        return str(add_params_to_uri(end, there))

    def _nonce(self, state: str) -> str:
        return self._derivation.digest("upstream_nonce", state)

    def _client(self, provider: Provider, metadata: Metadata) -> AsyncOAuth2Client:
        client = AsyncOAuth2Client(
            provider.client_id,
            scope=" ".join(provider.scopes),
            redirect_uri=self.redirect_uri(provider),
            code_challenge_method="S256",
            token_endpoint_auth_method="own",  # noqa: S106
            transport=self._reach[provider.name],
            trust_env=False,
        )
        client.register_client_auth_method(("own", self._proof(provider, metadata)))
        return client

    def _proof(self, provider: Provider, metadata: Metadata) -> Callable[..., tuple[str, Any, Any]]:
        """How this server proves itself at the token endpoint, as authlib calls it."""
        method = "client_secret_basic"
        if method not in metadata.auth_methods and "client_secret_post" in metadata.auth_methods:
            method = "client_secret_post"

        def prove(_: Any, __: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
            if provider.key is not None:
                further = [("client_id", provider.client_id), ("client_assertion_type", _ASSERTION_TYPE)]
                further += [("client_assertion", self._assertion(provider, provider.key, metadata))]
            elif method == "client_secret_post":
                further = [("client_id", provider.client_id), ("client_secret", provider.secret or "")]
            else:  # RFC 6749 section 2.3.1, each part encoded first
                pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.secret or '')}"
                headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
                further = []
            return uri, headers, add_params_to_qs(body.decode() if isinstance(body, bytes) else body, further)

        return prove

    def _assertion(self, provider: Provider, key: PrivateKey, metadata: Metadata) -> str:
        """`private_key_jwt` (Core section 9), for that issuer's token endpoint and nobody else's."""
        now = self._clock()
        claims = {
            "iss": provider.client_id,
            "sub": provider.client_id,
            "aud": metadata.token_endpoint,
            "jti": secret(self._random, 16),
            "iat": now,
            "exp": now + _ASSERTION_LIFETIME,
        }
        return jwt.encode(claims, key, algorithm=_algorithm(key, metadata))


def _algorithm(key: PrivateKey, metadata: Metadata) -> str:
    if isinstance(key, EllipticCurvePrivateKey):
        return "ES256"
    if isinstance(key, RSAPrivateKey):
        return "PS256" if "PS256" in metadata.auth_algorithms else "RS256"
    return "EdDSA"


def _tokens(told: Any) -> tuple[str, str]:
    """The two tokens of section 3.1.3.3."""
    id_token, access_token = (told.get(name) for name in ("id_token", "access_token"))
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        raise NotBelieved("the answer holds no ID token")
    if str(told.get("token_type")).lower() != "bearer":
        raise NotBelieved("the access token is of another type")
    return id_token, access_token
