"""Defects of grants, codes, refresh tokens and introspection."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import backchannel_world
import httpx2
from authz_world import AGENT, DESKTOP, DESKTOP_URI, DEVICE_CODE, ISSUER, PHONE, STORE, Browser, Device, World
from segue.authority import ACTIONS
from segue.task_token import TaskTokenVerifier
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain import transfer as transfer_domain
from segue_authz.domain.client import Client, Method
from segue_authz.domain.grant import Standing
from segue_authz.endpoints import decision, introspection, token
from segue_authz.enrolment import add_client
from segue_authz.grants import device_code
from segue_authz.grants.token_exchange import ACCESS_TOKEN
from segue_authz.grants.token_exchange import GRANT_TYPE as EXCHANGE
from segue_authz.stores import grants as grant_store
from segue_authz.stores.grants import Grants

from published.defect import Patch, replays

SECRET = "s" * 43
BASIC = {name: httpx2.BasicAuth(name, SECRET) for name in ("store", "agent")}


async def pulled(world: World) -> tuple[Device, Browser, dict[str, Any], str, str]:
    """A phone whose code the person has entered: the phone, the browser, the answer, the page, the check value."""
    phone, browser = world.device(PHONE, network="192.0.2.99"), world.browser()
    await browser.sign_in()
    asked = (await phone.ask_for_task()).json()
    path = (await browser.enter_code(asked["user_code"])).headers["location"]
    value = (await polled(phone, asked)).json()["check_value"]
    return phone, browser, asked, path, value


async def polled(phone: Device, asked: dict[str, Any]) -> httpx2.Response:
    phone.world.now += asked["interval"]
    return await phone.redeem(asked["device_code"])


async def approve(browser: Browser, path: str, value: str) -> None:
    await browser.approve(path, task="new", name="Something new", check_value=value)


# CVE-2026-45337 ------------------------------------------------------------------------------------------------


def any_session_may_decide(patch: Patch) -> None:
    """As if nobody had opened the page before: whoever posts is taken for who entered the code."""

    def careless(transfer: Any, **who: Any) -> Any:
        if isinstance(transfer, transfer_domain.Requested):
            transfer = replace(transfer, opened_by=None, subject=None, enter_until=None)
        return transfer_domain.open_for_decision(transfer, **who)

    patch.setattr(decision, "open_for_decision", careless)


@replays(
    "CVE-2026-45337",
    product="Better Auth, device authorization",
    wrong="Approving and denying took any signed-in session for the owner of a code that was still pending.",
    section="RFC 8628 section 5.5",
    flaw=any_session_may_decide,
)
async def a_session_that_did_not_enter_the_code_decides(world: World) -> bool:
    """The stranger has looked over the person's shoulder: they know page, code, and the number that the phone shows."""
    phone, browser, asked, path, value = await pulled(world)
    stranger = await world.stranger()
    own_page = await browser.http.get(path)
    assert own_page.status_code == 200
    await approve(stranger, path, value)
    entered = await stranger.enter_code(asked["user_code"])
    if entered.status_code == 303:
        await approve(stranger, entered.headers["location"], value)
    answer = await polled(phone, asked)
    return answer.status_code == 200


# CVE-2026-88770, CVE-2026-9798, CVE-2026-16103, CVE-2026-1609 --------------------------------------------------


def the_account_is_not_looked_at_again(patch: Patch) -> None:
    read = grant_store.read_standings

    def blind(*where: Any, **how: Any) -> dict[str, Standing]:
        return {grant_id: replace(found, account_enabled=True) for grant_id, found in read(*where, **how).items()}

    patch.setattr(grant_store, "read_standings", blind)


Redemption = Callable[[], Awaitable[httpx2.Response]]


async def _refresh(world: World) -> Redemption:
    desktop = await world.desktop()
    return desktop.refresh


async def _code(world: World) -> Redemption:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    redirect, verifier = await desktop.ask(browser)
    code = httpx2.URL(redirect.headers["location"]).params["code"]
    form = {"code": code, "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    return lambda: desktop.token("authorization_code", **form)


async def _device_code(world: World) -> Redemption:
    phone, browser, asked, path, value = await pulled(world)
    await approve(browser, path, value)
    return lambda: polled(phone, asked)


async def _ciba(world: World) -> Redemption:
    client = await backchannel_world.backend(world)
    assert (await client.ask_person()).status_code == 200
    browser = await backchannel_world.signed_in(world)
    path = await backchannel_world.opened(browser)
    await approve(browser, path, await client.check_value())
    return client.poll


async def _exchange(world: World) -> Redemption:
    method, secret = Method.CLIENT_SECRET_BASIC, digest(SECRET)
    backend = Client("agent", "Backend", ACTIONS, method=method, secret_digest=secret, audience=AGENT)
    gives = {"exchange_actions": frozenset({"task:read"}), "exchange_audiences": (STORE,)}
    await add_client(world.database, replace(backend, **gives))
    desktop, server = await world.desktop(), world.device("agent")
    subject_token = (await desktop.refresh(resource=AGENT)).json()["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token": subject_token, "subject_token_type": ACCESS_TOKEN}

    async def redeem() -> httpx2.Response:
        nonce = (await server.http.post("/token", data=form, auth=BASIC["agent"])).headers["DPoP-Nonce"]
        proof = server.key.proof("POST", f"{ISSUER}/token", now=world.now, nonce=nonce)
        return await server.http.post("/token", data=form, auth=BASIC["agent"], headers={"DPoP": proof})

    return redeem


APPROVED = {
    "refresh_token": _refresh,
    "authorization_code": _code,
    DEVICE_CODE: _device_code,
    backchannel_world.CIBA: _ciba,
    EXCHANGE: _exchange,
}
"""For each grant type: everything up to the redemption of what a person has approved."""
WITHOUT_A_PERSON = {"client_credentials"}


def _locked(grant_type: str) -> Callable[[World], Awaitable[bool]]:
    async def attack(world: World) -> bool:
        redeem = await APPROVED[grant_type](world)
        await world.accounts.disable(world.subject, now=world.now)
        return (await redeem()).status_code == 200

    attack.__name__ = f"a_disabled_account_still_gets_tokens_by_{grant_type.rpartition(':')[2]}"
    return attack


_LOCKED = {
    DEVICE_CODE: (["CVE-2026-88770"], "Keycloak, device grant"),
    backchannel_world.CIBA: (["CVE-2026-9798", "CVE-2026-16103"], "Keycloak, CIBA grant"),
    EXCHANGE: (["CVE-2026-1609"], "Keycloak, JWT authorization grant"),
    "refresh_token": (["CVE-2026-88770"], "the same class, at a grant of ours that was not named"),
    "authorization_code": (["CVE-2026-88770"], "the same class, at a grant of ours that was not named"),
}
for _grant_type, (_ids, _product) in _LOCKED.items():
    replays(
        *_ids,
        product=_product,
        wrong="Who was locked or disabled after the approval still got tokens: one of the grants did not look again.",
        section="RFC 6749 section 10.4, RFC 8628 section 5",
        flaw=the_account_is_not_looked_at_again,
    )(_locked(_grant_type))


# CVE-2026-9802 -------------------------------------------------------------------------------------------------


def what_was_spent_before_the_start_is_forgotten(patch: Patch) -> None:
    refresh = Grants.refresh

    async def forgetful(self: Grants, grant_id: str, *, generation: int, now: int) -> Any:
        standing = await self.standing(grant_id)
        return await refresh(self, grant_id, generation=standing.grant.generation if standing else generation, now=now)

    patch.setattr(Grants, "refresh", forgetful)


@replays(
    "CVE-2026-9802",
    product="Keycloak, rotating refresh tokens with persistent sessions",
    wrong="A restart reset the time by which spent refresh tokens were told apart, and they were good again.",
    section="RFC 9700 section 4.14.2",
    flaw=what_was_spent_before_the_start_is_forgotten,
)
async def a_spent_refresh_token_is_good_again_after_a_restart(world: World) -> bool:
    """The thief has a device's key as well as its old refresh token, so that nothing else is in the way."""
    desktop = await world.desktop()
    spent = desktop.tokens["refresh_token"]
    for _ in range(2):
        assert (await desktop.refresh()).status_code == 200
    world.now += 600
    world.restart()
    desktop.http = world.http()
    return (await desktop.token("refresh_token", refresh_token=spent)).status_code == 200


# CVE-2026-8922 -------------------------------------------------------------------------------------------------


def a_change_of_the_client_hides_one_of_the_account(patch: Patch) -> None:
    look = introspection.mintable_actions

    def hiding(standing: Standing, *, now: int) -> frozenset[str]:
        return look(replace(standing, account_enabled=standing.client_enabled), now=now)

    patch.setattr(introspection, "mintable_actions", hiding)


@replays(
    "CVE-2026-8922",
    product="Keycloak, token introspection",
    wrong="With a revocation time for the client, the one for the whole realm was not looked at: tokens stayed active.",
    section="RFC 7662 section 2.2, section 4",
    flaw=a_change_of_the_client_hides_one_of_the_account,
)
async def introspection_overlooks_one_of_two_withdrawals(world: World) -> bool:
    desktop = await introspected(world)
    await world.clients.disable(DESKTOP, now=world.now)
    await world.clients.enable(DESKTOP)
    assert await is_active(world, desktop, "store")
    await world.accounts.disable(world.subject, now=world.now)
    return await is_active(world, desktop, "store")


# CVE-2026-18208, CVE-2026-37979 --------------------------------------------------------------------------------


def introspection_does_not_compare_the_audience(patch: Patch) -> None:
    read = TaskTokenVerifier._read

    def careless(self: TaskTokenVerifier, claims: dict[str, Any]) -> Any:
        return read(self, {**claims, "aud": self._audience})

    patch.setattr(TaskTokenVerifier, "_read", careless)


@replays(
    "CVE-2026-37979",
    "CVE-2026-18208",
    product="Keycloak, token introspection",
    wrong="A resource server was told the claims of tokens for others; later only in the signed form of the answer.",
    section="RFC 7662 section 4, RFC 9701 section 5",
    flaw=introspection_does_not_compare_the_audience,
)
async def a_resource_server_learns_of_a_token_for_another(world: World) -> bool:
    desktop = await introspected(world)
    assert await is_active(world, desktop, "store")
    told = [await asked(world, desktop, "agent", kind) for kind in ("application/json", introspection.SIGNED)]
    return any(len(each.get("token_introspection", each)) > 1 for each in told)


async def introspected(world: World) -> Device:
    """A device with a token for the task store, at a server where that and an agent backend may introspect."""
    method, secret = Method.CLIENT_SECRET_BASIC, digest(SECRET)
    for name, audience in (("store", STORE), ("agent", AGENT)):
        client = Client(name, "API", ACTIONS, method=method, secret_digest=secret, audience=audience)
        await add_client(world.database, client)
    return await world.desktop()


async def is_active(world: World, device: Device, name: str) -> bool:
    return bool((await asked(world, device, name, "application/json"))["active"])


async def asked(world: World, device: Device, name: str, media_type: str) -> Any:
    form, headers = {"token": device.tokens["access_token"]}, {"Accept": media_type}
    async with world.http() as http:
        answer = await http.post("/introspect", data=form, auth=BASIC[name], headers=headers)
    assert answer.status_code == 200
    if answer.headers["content-type"] == introspection.SIGNED:
        return introspection.jose.parse(answer.text).claims()
    return answer.json()


# CVE-2023-2585 -------------------------------------------------------------------------------------------------


def the_client_of_a_device_code_is_not_compared(patch: Patch) -> None:
    def careless(transfer: Any, **request: Any) -> Any:
        claim = getattr(transfer, "claim", None)
        mine = {"client_id": claim.client_id} if claim else {}
        return transfer_domain.redeem(transfer, **{**request, **mine})

    patch.setattr(device_code, "redeem", careless)


@replays(
    "CVE-2023-2585",
    product="Keycloak, device grant",
    wrong="A device code was not tied to the client that asked for it: another client redeemed it.",
    section="RFC 8628 section 3.4",
    flaw=the_client_of_a_device_code_is_not_compared,
)
async def another_client_redeems_a_device_code(world: World) -> bool:
    """The attacker's app runs on the device, and has its key."""
    phone, browser, asked_for, path, value = await pulled(world)
    await approve(browser, path, value)
    other = world.device(DESKTOP, network="192.0.2.99")
    other.key, other.nonce = phone.key, phone.nonce
    stolen = await polled(other, asked_for)
    assert stolen.status_code == 200 or (await polled(phone, asked_for)).status_code == 200
    return stolen.status_code == 200


# the refresh token that is burnt -------------------------------------------------------------------------------


def the_refresh_token_is_spent_before_the_proof_is_looked_at(patch: Patch) -> None:
    """As where the answer to a lost request is not given again; here it is, for five minutes."""
    prove = token.prove_key

    async def late(services: Any, request: Any, **how: Any) -> str:
        known = services.derivation.read_refresh_token((await token.read_form(request)).get("refresh_token", ""))
        if known is not None and "dpop" in request.headers and request.headers["dpop"] not in seen:
            seen.append(request.headers["dpop"])
            if (standing := await services.grants.standing(known[0])) and standing.grant.generation == known[1]:
                await services.grants.refresh(known[0], generation=known[1], now=services.clock() - 10_000)
        return str(await prove(services, request, **how))

    seen: list[str] = []
    patch.setattr(token, "prove_key", late)
    patch.setattr(token, "read_form", _kept(token.read_form))


def _kept(read: Any) -> Any:
    """A form that can be read a second time."""

    async def again(request: Any) -> Any:
        if not hasattr(request.state, "form"):
            request.state.form = await read(request)
        return request.state.form

    return again


@replays(
    "bluesky-social/atproto#3859",
    product="an AT Protocol authorization server",
    wrong="The refresh token was spent before the proof was looked at, so that the retry with the nonce came too late.",
    section="RFC 9449 section 8, RFC 9700 section 4.14.2",
    flaw=the_refresh_token_is_spent_before_the_proof_is_looked_at,
)
async def a_refresh_token_is_burnt_by_the_demand_for_a_nonce(world: World) -> bool:
    """Nobody attacks: an honest device does what RFC 9449 says, and loses its grant."""
    desktop = await world.desktop()
    desktop.nonce = None
    return (await desktop.refresh()).status_code != 200
