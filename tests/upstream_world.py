"""Providers at which people sign in, that say whatever a test has them say; each a host of the small internet."""

import json
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import jwt
from authz_world import Browser, World
from cryptography.hazmat.primitives.asymmetric import ec
from segue_authz.domain.account import BrowserSession
from segue_authz.stores.accounts import BrowserSessions
from segue_authz.upstream.provider import Admits, Provider
from small_internet import Internet

HOST = "id.example"
NAME = "works"
CLIENT_ID = "segue"
SECRET = "the secret of this client"
SUB = "person-there"


def made_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    return json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}


def described(**changes: Any) -> Provider:
    return Provider(
        **{"name": NAME, "label": "Example Works", "issuer": f"https://{HOST}", "client_id": CLIENT_ID}
        | ({} if "key" in changes else {"secret": SECRET})
        | changes
    )


@dataclass
class Upstream:
    """One provider. `path` tells several on one host apart."""

    world: World
    internet: Internet
    provider: Provider
    key: ec.EllipticCurvePrivateKey = field(default_factory=made_key)
    kid: str = "k1"

    @property
    def issuer(self) -> str:
        return self.provider.issuer

    @property
    def path(self) -> str:
        return urlsplit(self.issuer).path

    def publish(self, **changes: Any) -> None:
        metadata = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "authorization_response_iss_parameter_supported": True,
        } | changes
        document = {name: value for name, value in metadata.items() if value is not None}
        self.internet.says(f"{self.path}/.well-known/openid-configuration", document)
        self.publish_keys(public(self.key, self.kid))

    def publish_keys(self, *keys: dict[str, Any]) -> None:
        self.internet.says(f"{self.path}/jwks", {"keys": list(keys)})

    async def begin(self, browser: Browser, return_to: str = "/", **query: str) -> dict[str, str]:
        """Press the button; what the browser is sent to the provider with."""
        page = await browser.http.get("/sign-in?" + urlencode({"return_to": return_to, **query}))
        return request_of(await press(browser, page, f"/sign-in/upstream/{self.provider.name}"))

    def id_token(self, asked: dict[str, str], *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.issuer,
            "sub": SUB,
            "aud": CLIENT_ID,
            "exp": self.world.now + 300,
            "iat": self.world.now,
            "nonce": asked["nonce"],
            "auth_time": self.world.now,
            "sid": "session-there",
        } | changes
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(said, self.key, algorithm="ES256", headers={"kid": self.kid} | (header or {}))

    def answers(self, signed: str, /, **changes: Any) -> None:
        """What the token endpoint says next."""
        told = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": signed} | changes
        self.internet.says(f"{self.path}/token", {name: value for name, value in told.items() if value is not None})

    async def come_back(
        self, browser: Browser, asked: dict[str, str], *, name: str | None = None, **changes: str | None
    ) -> httpx2.Response:
        told = {"code": "c", "state": asked["state"], "iss": self.issuer} | changes
        query = urlencode({member: value for member, value in told.items() if value is not None})
        return await browser.http.get(f"/sign-in/upstream/{name or self.provider.name}/callback?{query}")

    async def sign_in(self, browser: Browser, return_to: str = "/", **claims: Any) -> httpx2.Response:
        """The whole way, with an ID token that says this."""
        asked = await self.begin(browser, return_to)
        self.answers(self.id_token(asked, **claims))
        return await self.come_back(browser, asked)

    async def link(self, browser: Browser, **claims: Any) -> httpx2.Response:
        asked = await self.begin_linking(browser)
        self.answers(self.id_token(asked, **claims))
        return await self.come_back(browser, asked)

    async def begin_linking(self, browser: Browser) -> dict[str, str]:
        page = await browser.http.get("/account/security")
        return request_of(await press(browser, page, "/account/upstream", link=self.provider.name))

    def logout_token(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.issuer,
            "sub": SUB,
            "sid": "session-there",
            "aud": CLIENT_ID,
            "iat": self.world.now,
            "exp": self.world.now + 120,
            "jti": secrets.token_urlsafe(8),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        } | changes
        said = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.kid, "typ": "logout+jwt"} | (header or {})
        return jwt.encode(said, self.key, algorithm="ES256", headers=headers)

    async def log_out(self, token: str | None = None) -> httpx2.Response:
        form = {"logout_token": token or self.logout_token()}
        return await self.world.http().post(f"/sign-in/upstream/{self.provider.name}/logout", data=form)


async def press(browser: Browser, page: httpx2.Response, action: str, **fields: str) -> httpx2.Response:
    """Send the form of the page that goes there."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert found, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', found[0]))
    return await browser.http.post(action, data={name: unescape(value) for name, value in hidden.items()} | fields)


def request_of(page: httpx2.Response) -> dict[str, str]:
    """The parameters with which the page leads to the provider; `url` is where."""
    assert page.status_code == 200, page.text
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.text)
    assert found, page.text
    url = unescape(found[1])
    return dict(parse_qsl(urlsplit(url).query)) | {"url": url.partition("?")[0]}


async def session_of(browser: Browser) -> BrowserSession:
    """The session of somebody who is signed in."""
    (cookie,) = [value for name, value in browser.http.cookies.items() if name == "segue"]
    world, sessions = browser.world, BrowserSessions(browser.world.database)
    current = await sessions.current(world.derivation.digest("browser", cookie), now=world.now)
    assert current is not None
    return current[0]


async def person_of(browser: Browser) -> str | None:
    """As whom the start page greets; None if nobody is signed in."""
    page = await browser.http.get("/")
    found = re.search(r'data-fact="person_name">([^<]*)<', page.text)
    return found[1] if page.status_code == 200 and found else None


def s256(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def upstream(world: World, internet: Internet, *, admits: Admits = Admits.LINKED, **changes: Any) -> Upstream:
    """Publish one and have the server know it, beside those that it knows."""
    provider = described(admits=admits, **changes)
    world.providers = (*world.providers, provider)
    world.outbound = internet.outbound
    world.restart()
    made = Upstream(world, internet, provider)
    made.publish()
    return made
