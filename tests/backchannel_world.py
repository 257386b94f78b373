"""A client that asks by the backchannel, in the small world of the authorization server: a server with a secret."""

import json
import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx2
from authz_world import DESKTOP_URI, ISSUER, USERNAME, Browser, Device, World
from segue.authority import ACTIONS
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import add_client

CIBA = "urn:openid:params:grant-type:ciba"
HELPER = "helper"
NOTIFICATION_TOKEN = "n" * 32
ENDPOINT = "https://client.example/notified"


class Backend(Device):
    """A confidential client with one key. What it asked last is kept."""

    def __init__(self, world: World, client_id: str, secret: str) -> None:
        super().__init__(world, client_id, world.http("198.51.100.7"))
        self.secret = secret
        self._basic = b64encode(f"{client_id}:{secret}".encode()).decode()
        self.auth_req_id = ""
        self.interval = 0

    async def send(
        self, method: str, path: str, form: dict[str, str] | None = None, *, token: str | None = None
    ) -> httpx2.Response:
        """One request with the client's secret and a proof, and once more if the server wants its nonce."""
        for _ in range(2):
            proof = self.key.proof(method, ISSUER + path, now=self.world.now, nonce=self.nonce)
            headers = {"DPoP": proof, "Authorization": f"Basic {self._basic}"}
            answer = await self.http.request(method, path, data=form, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.text:
                break
        return answer

    async def ask_person(self, **form: str | None) -> httpx2.Response:
        """Ask for a task; what is None is left out."""
        sent: Mapping[str, str | None] = {"scope": "openid", "authorization_details": details(), "login_hint": USERNAME}
        given = {name: value for name, value in {**sent, **form}.items() if value is not None}
        answer = await self.send("POST", "/backchannel_authentication", given)
        if answer.status_code == 200:
            self.auth_req_id, self.interval = answer.json()["auth_req_id"], answer.json()["interval"]
        return answer

    async def poll(self, *, after: int | None = None, **form: str) -> httpx2.Response:
        """The next poll, as soon as the interval allows it."""
        self.world.now += self.interval if after is None else after
        return await self.token(CIBA, **{"auth_req_id": self.auth_req_id, **form})

    async def error(self) -> str:
        return str((await self.poll()).json()["error"])

    async def check_value(self) -> str:
        return str((await self.poll()).json()["check_value"])

    def twin(self) -> "Backend":
        """The same client with another key."""
        twin = Backend(self.world, self.client_id, "")
        twin._basic, twin.auth_req_id, twin.interval = self._basic, self.auth_req_id, self.interval
        return twin


def details(**members: Any) -> str:
    return json.dumps([{"type": "task", "actions": sorted(ACTIONS), **members}])


async def backend(world: World, client_id: str = HELPER, *, known: bool = True, **registered: Any) -> Backend:
    """A registered client. `known`: the person has let it have a task before, so that it may ask them."""
    secret = secrets.token_urlsafe(24)
    mode = registered.pop("backchannel_token_delivery_mode", "poll")
    client = Client(
        client_id,
        "Helpful agent",
        ACTIONS,
        redirect_uris=(DESKTOP_URI,),
        method=Method.CLIENT_SECRET_BASIC,
        secret_digest=digest(secret),
        backchannel_token_delivery_mode=mode,
        **registered,
    )
    await add_client(world.database, client)
    asking = Backend(world, client_id, secret)
    if known:
        browser = world.browser()
        await browser.sign_in()
        answer = await asking.authorize(browser)
        assert answer.status_code == 200, answer.text
    return asking


async def pinged(world: World, client_id: str = HELPER, *, endpoint: str = ENDPOINT) -> Backend:
    """A client that wants to be told."""
    ways = {"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": endpoint}
    return await backend(world, client_id, **ways)


async def signed_in(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def opened(browser: Browser) -> str:
    """Look at the one request that waits; the path of the page that asks."""
    (transfer_id,) = await waiting(browser)
    answer = await browser.submit("/requests", await browser.http.get("/requests"), transfer_id=transfer_id)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def waiting(browser: Browser) -> list[str]:
    """What any page of the person is told that waits."""
    return list((await browser.http.get("/requests/waiting")).json()["waiting"])


async def approved(asking: Backend, browser: Browser, *, task: str = "new") -> str:
    """Look at the request and approve it with the value that the client shows."""
    path = await opened(browser)
    value = await asking.check_value()
    answer = await browser.approve(path, task=task, name="Something new", check_value=value)
    assert answer.status_code == 303, answer.text
    return path
