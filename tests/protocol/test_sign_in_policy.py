"""What a decision needs of the sign-in (A12, XD-PUSH-10): asked at every place where one is made, and never forgotten.

A person who has to sign in once more comes back to the same decision, with what they had chosen.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from authz_world import DESKTOP_URI, PASSWORD, USERNAME, Browser, Device, World, hidden
from backchannel_world import backend
from html_page import read_page
from passkey_world import add_passkey, authenticator
from passkey_world import sign_in as sign_in_by_passkey
from segue.authority import ACTIONS
from segue.jose import parse
from segue_authz.domain.account import PASSKEY_ACR, PASSWORD_ACR, RECOVERY_ACR
from segue_authz.domain.policy import Policies
from segue_authz.domain.sign_in_policy import SignInPolicies, SignInPolicy
from segue_authz.domain.task_card import Invitation
from segue_authz.endpoints.reauthentication import GOOD_FOR
from segue_authz.stores import tables
from segue_authz.stores.sign_ins import SignIns
from segue_demo.bound_session import BoundSession

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A12", "XD-PUSH-10")]
RECENT = 300
"""Seconds, of the preset `balanced` for sensitive tasks."""
CODE = "WDJB-MJHT-KLPQ-RSTV"


def under(world: World, **values: object) -> None:
    """These values hold for every task from now on."""
    world.policies = Policies(sign_in=SignInPolicies(general=SignInPolicy(**values)))  # type: ignore[arg-type]
    world.restart()
    for http in world.opened:
        http._transport = httpx2.ASGITransport(app=world.app, client=(world.network, 50000))


async def sign_in_again(browser: Browser, sent: httpx2.Response, username: str = USERNAME) -> httpx2.Response:
    """As the page leads: to the sign-in page, and back to where the person was."""
    assert (sent.status_code, urlsplit(sent.headers["location"]).path) == (303, "/sign-in"), sent.text
    page = await browser.http.get(sent.headers["location"])
    fields = hidden(page.text) | {"username": username, "password": PASSWORD}
    answer = await browser.http.post("/sign-in", data=fields)
    assert answer.status_code == 303, answer.text
    return await browser.http.get(answer.headers["location"])


def due(page: httpx2.Response) -> bool:
    """Whether the page says that approving takes signing in once more."""
    return bool(read_page(page.text).all("p", **{"data-fact": "sign_in_due"}))


def leads_to_sign_in(answer: httpx2.Response) -> bool:
    return answer.status_code == 303 and urlsplit(answer.headers["location"]).path == "/sign-in"


@dataclass
class Deciding:
    """A decision that a person is asked for: the `page` they see, and how they say yes to what it shows."""

    browser: Browser
    page: httpx2.Response
    decide: Callable[[httpx2.Response], Awaitable[httpx2.Response]]
    done: Callable[[], Awaitable[bool]]


async def pushed(world: World) -> Deciding:
    return await confirming(world, await world.desktop())


async def pushed_in(world: World, browser: Browser) -> Deciding:
    """From a desktop in this browser."""
    desktop = world.device()
    desktop.browser = browser
    await desktop.authorize(browser)
    return await confirming(world, desktop)


async def confirming(world: World, desktop: Device) -> Deciding:
    phone = world.device("phone")
    offered = (await desktop.offer()).json()
    claim = (await phone.claim(offered["transfer_code"])).json()
    path = f"/confirm/{offered['transfer_id']}"

    async def decide(page: httpx2.Response) -> httpx2.Response:
        return await desktop.browser.submit(path, page, check_value=claim["check_value"], decision="approve")

    async def done() -> bool:
        return (await phone.redeem(claim["device_code"])).status_code == 200

    return Deciding(desktop.browser, await desktop.browser.http.get(path), decide, done)


async def pulled(world: World) -> Deciding:
    browser, phone = (await world.desktop()).browser, world.device("phone")
    asked = (await phone.ask_for_task()).json()
    path = (await browser.enter_code(asked["user_code"])).headers["location"]
    world.now += 2
    value = (await phone.redeem(asked["device_code"])).json()["check_value"]
    return Deciding(
        browser, await browser.http.get(path), choosing(browser, path, value), redeeming(world, phone, asked)
    )


async def asked_by_backchannel(world: World) -> Deciding:
    desktop, server = await world.desktop(), await backend(world)
    assert (await server.ask_person()).status_code == 200
    page = await desktop.browser.http.get("/requests")
    transfer_id = page.text.partition('name="transfer_id" value="')[2].partition('"')[0]
    path = (await desktop.browser.submit("/requests", page, transfer_id=transfer_id)).headers["location"]
    value = await server.check_value()

    async def done() -> bool:
        return (await server.poll()).status_code == 200

    browser = desktop.browser
    return Deciding(browser, await browser.http.get(path), choosing(browser, path, value), done)


def first_task(world: World) -> str:
    return next(task_id for subject, task_id in world.cards.tasks if subject == world.subject)


def choosing(browser: Browser, path: str, value: str) -> Callable[[httpx2.Response], Awaitable[httpx2.Response]]:
    async def decide(page: httpx2.Response) -> httpx2.Response:
        task_id = first_task(browser.world)
        fields = {"task": task_id, "mode": "share", "check_value": value, "decision": "approve"}
        return await browser.submit(path, page, **fields)

    return decide


def redeeming(world: World, phone: Device, asked: dict[str, str]) -> Callable[[], Awaitable[bool]]:
    async def done() -> bool:
        world.now += 2
        return (await phone.redeem(asked["device_code"])).status_code == 200

    return done


async def consented(world: World) -> Deciding:
    browser, device = (await world.desktop()).browser, world.device()
    answers: list[httpx2.Response] = []

    async def decide(page: httpx2.Response) -> httpx2.Response:
        task_id = first_task(world)
        answers.append(await browser.submit("/authorize", page, task=task_id, decision="approve"))
        return answers[-1]

    async def done() -> bool:
        return "code=" in answers[-1].headers["location"]

    return Deciding(browser, await browser.http.get(await device.page("v" * 43)), decide, done)


async def invited(world: World) -> Deciding:
    world.cards.invitations[CODE] = Invitation(
        "inv_1", "tsk_1", "Acme contract revision", "supervisor", ACTIONS, world.subject, world.now + 3600
    )
    guest = await world.stranger()
    page = await guest.submit("/invitation", await guest.http.get("/invitation"), code=CODE)

    async def decide(page: httpx2.Response) -> httpx2.Response:
        return await guest.submit("/invitation", page, decision="accept")

    async def done() -> bool:
        return bool(world.cards.answered)

    return Deciding(guest, page, decide, done)


PLACES = [pushed, pulled, asked_by_backchannel, consented, invited]
OF_A_TASK = PLACES[:4]
Place = Callable[[World], Awaitable[Deciding]]


@pytest.mark.parametrize("place", PLACES)
async def test_every_decision_takes_who_signed_in_of_late_and_comes_back_to_itself(world: World, place: Place) -> None:
    under(world, max_age=100)
    deciding = await place(world)
    world.now += 101
    sent = await deciding.decide(deciding.page)
    assert leads_to_sign_in(sent)
    page = await sign_in_again(deciding.browser, sent, "stranger" if place is invited else USERNAME)
    assert page.status_code == 200
    answer = await deciding.decide(page)
    assert not leads_to_sign_in(answer)
    assert await deciding.done()


@pytest.mark.parametrize("place", OF_A_TASK)
async def test_an_ordinary_task_asks_for_nothing_and_a_sensitive_one_for_who_is_here(
    world: World, place: Place
) -> None:
    deciding = await place(world)
    await make_old(world, world.now - RECENT - 1)
    await mark(world, "high")
    assert leads_to_sign_in(await deciding.decide(deciding.page))
    await mark(world, "normal")
    assert not leads_to_sign_in(await deciding.decide(deciding.page))
    assert await deciding.done()


async def make_old(world: World, auth_time: int) -> None:
    statement = tables.browser_sessions.update().values(auth_time=auth_time)
    await world.database.write(lambda connection: connection.execute(statement).rowcount)


async def mark(world: World, sensitivity: str) -> None:
    """As if the tasks had been of this sensitivity all along."""
    cards = world.cards
    cards.sensitivity = sensitivity
    cards.tasks = {key: replace(card, sensitivity=sensitivity) for key, card in cards.tasks.items()}
    there = tables.transfers.c.sensitivity.is_not(None)
    statement = tables.transfers.update().where(there).values(sensitivity=sensitivity)
    await world.database.write(lambda connection: connection.execute(statement).rowcount)


@pytest.mark.parametrize("place", [pushed, pulled])
async def test_the_page_says_so_beforehand_asks_for_no_value_and_lets_decline(world: World, place: Place) -> None:
    under(world, max_age=100)
    deciding = await place(world)
    assert 'name="check_value" inputmode' in deciding.page.text
    world.now += 101
    page = await deciding.browser.http.get(str(deciding.page.url))
    assert due(page)
    assert 'name="check_value" inputmode' not in page.text
    focused = page.text[: page.text.index("autofocus")].rpartition("<button")[2]
    assert 'value="deny"' in focused
    declined = await deciding.browser.submit(str(deciding.page.url), page, decision="deny")
    assert not leads_to_sign_in(declined), "nobody has to sign in to decline"
    assert not await deciding.done()


async def test_signing_in_costs_no_try_and_a_choice_survives_it(world: World) -> None:
    under(world, max_age=100)
    deciding = await pulled(world)
    path, words = str(deciding.page.url), 'Quarterly report "draft" & más'
    world.now += 101
    page = await deciding.browser.http.get(path)
    fields = {"task": "new", "name": words, "mode": "share", "check_value": "0000", "decision": "approve"}
    sent = await deciding.browser.submit(path, page, **fields)
    assert "Quarterly" not in sent.headers["location"], "words of the person stand in no address"
    back = await sign_in_again(deciding.browser, sent)
    assert read_page(back.text).fact("attempts_left").attributes["data-value"] == "2"
    kept = read_page(back.text)
    assert kept.one("input", name="name", id="name").attributes["value"] == words
    ticked = {each.attributes["value"] for each in kept.all("input", type="radio") if "checked" in each.attributes}
    assert ticked == {"new", "share"}


async def test_what_somebody_else_wrote_into_the_address_chooses_nothing(world: World) -> None:
    deciding = await pulled(world)
    path = str(deciding.page.url)
    honest = (await deciding.browser.http.get(path)).text
    for chosen in ("", "x", "A" * 40, "%00", "é", "=" * 9):
        page = await deciding.browser.http.get(f"{path}?{urlencode({'chosen': chosen})}")
        assert page.status_code == 200
        assert page.text.count("checked") == honest.count("checked")


async def test_who_signs_in_as_somebody_else_does_not_get_the_decision(world: World) -> None:
    under(world, max_age=100)
    deciding = await pushed(world)
    await world.stranger()
    world.now += 101
    sent = await deciding.decide(deciding.page)
    page = await sign_in_again(deciding.browser, sent, "stranger")
    assert page.status_code == 404
    assert not await deciding.done()


async def test_the_session_before_decides_nothing_any_more(world: World) -> None:
    under(world, max_age=100)
    deciding = await pushed(world)
    copied = world.browser()
    copied.http.cookies.update(deciding.browser.http.cookies)
    world.now += 101
    await sign_in_again(deciding.browser, await deciding.decide(deciding.page))
    assert leads_to_sign_in(await copied.http.get(str(deciding.page.url)))


async def test_a_sign_in_for_one_decision_is_none_for_another(world: World) -> None:
    deciding = await pulled(world)
    under(world, max_age=0)
    page = await sign_in_again(deciding.browser, await deciding.decide(deciding.page))
    mark = hidden(page.text)["back"]
    phone = world.device("phone")
    asked = (await phone.ask_for_task()).json()
    path = (await deciding.browser.enter_code(asked["user_code"])).headers["location"]
    second = await deciding.browser.http.get(f"{path}?{mark}")
    assert due(second), "another decision"
    assert not leads_to_sign_in(await deciding.decide(page))
    assert await deciding.done()


async def test_the_mark_of_a_sign_in_lapses(world: World) -> None:
    browser, device = (await world.desktop()).browser, world.device()
    under(world, max_age=0)
    page = await browser.http.get(await device.page("v" * 43))

    async def decide(page: httpx2.Response) -> httpx2.Response:
        return await browser.submit("/authorize", page, task="new", name="One", decision="approve")

    page = await sign_in_again(browser, await decide(page))
    world.now += GOOD_FOR + 1
    assert leads_to_sign_in(await decide(page))


# Starting a transfer with a token


async def step_up(device: Device, wanted: dict[str, str]) -> None:
    """RFC 9470 section 4: the device asks for the task anew, and the person signs in for that."""
    asked, verifier = {name: wanted[name] for name in ("max_age", "acr_values") if name in wanted}, "w" * 43
    task_id = first_task(device.world)
    query = urlencode(device.request(verifier, task_id=task_id) | asked)
    page = await sign_in_again(device.browser, await device.browser.http.get(f"/authorize?{query}"))
    answer = await device.browser.submit("/authorize", page, task=task_id, decision="approve")
    code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
    form = {"code": code, "redirect_uri": DESKTOP_URI, "code_verifier": verifier}
    assert (await device.token("authorization_code", **form)).status_code == 200


def challenge(answer: httpx2.Response) -> dict[str, str]:
    assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
    header = answer.headers["WWW-Authenticate"]
    assert header.startswith('DPoP error="insufficient_user_authentication"')
    told = {name: value for name, value in answer.json().items() if name in ("max_age", "acr_values")}
    assert all(f'{name}="{value}"' in header for name, value in told.items())
    return told


@pytest.mark.requirement("RFC9470-3-a", "RFC9470-3-b")
async def test_a_sensitive_transfer_takes_a_step_up_works_once_and_asks_again(world: World) -> None:
    desktop = await world.desktop()
    world.now += RECENT + 1
    assert (await desktop.offer()).status_code == 201, "an ordinary task asks for nothing"
    world.cards.sensitivity = "high"
    wanted = challenge(await desktop.offer())
    assert wanted == {"max_age": "0"}
    await step_up(desktop, wanted)
    offered = await desktop.offer()
    assert offered.status_code == 201
    assert challenge(await desktop.offer()) == {"max_age": "0"}, "and asks again for the next"


async def test_the_sign_in_of_a_transfer_serves_its_confirmation_in_the_same_browser(world: World) -> None:
    desktop, phone = await world.desktop(), world.device("phone")
    world.now += RECENT + 1
    world.cards.sensitivity = "high"
    await step_up(desktop, challenge(await desktop.offer()))
    offered = (await desktop.offer()).json()
    claim = (await phone.claim(offered["transfer_code"])).json()
    answer = await desktop.browser.confirm(offered["transfer_id"], claim["check_value"])
    assert not leads_to_sign_in(answer)
    assert (await phone.redeem(claim["device_code"])).status_code == 200
    assert parse(phone.tokens["access_token"]).claims()["auth_time"] == world.now


async def test_of_two_sensitive_transfers_at_once_a_sign_in_serves_one(world: World) -> None:
    desktop = await world.desktop()
    world.cards.sensitivity = "high"
    token = await desktop.issuer_token()
    twins = [desktop, Device(world, desktop.client_id, world.http())]
    twins[1].key, twins[1].nonce = desktop.key, desktop.nonce
    answers = await asyncio.gather(*(twin.send("POST", "/transfer", {"mode": "share"}, token=token) for twin in twins))
    assert sorted(answer.status_code for answer in answers) == [201, 401]


async def test_one_decision_a_sign_in_holds_for_pages_too(world: World) -> None:
    under(world, one_decision="require")
    deciding = await pulled(world)
    assert not leads_to_sign_in(await deciding.decide(deciding.page))
    assert await deciding.done()
    phone = world.device("phone")
    asked = (await phone.ask_for_task()).json()
    path = (await deciding.browser.enter_code(asked["user_code"])).headers["location"]
    page = await deciding.browser.http.get(path)
    assert due(page)


async def test_a_decision_that_was_tried_with_a_wrong_value_is_still_the_same_one(world: World) -> None:
    under(world, one_decision="require")
    deciding = await pushed(world)
    path = str(deciding.page.url)
    wrong = await deciding.browser.submit(path, deciding.page, check_value="x", decision="approve")
    assert wrong.status_code == 400
    assert not leads_to_sign_in(await deciding.decide(wrong))


async def test_of_two_decisions_at_once_a_sign_in_serves_one(world: World) -> None:
    store = SignIns(world.database)
    won = await asyncio.gather(*(store.spend("sign-in", f"decision {each}", until=world.now) for each in range(8)))
    assert sum(won) == 1
    assert await store.serves("sign-in", f"decision {won.index(True)}")
    assert await store.spend("sign-in", f"decision {won.index(True)}", until=world.now), "the same one may be repeated"
    assert not await store.serves("sign-in", "decision 9")


# How strong


async def give_passkey(world: World) -> None:
    """A row of a passkey; which keys are real is for the tests of signing in with one."""
    row = {
        "passkey_id": "psk_1", "subject": world.subject, "credential_id": "c", "public_key": b"k", "user_handle": "u",
        "sign_count": 0, "transports": "internal", "aaguid": "a", "multi_device": False, "backed_up": False,
        "name": "A key", "created_at": world.now,
    }  # fmt: skip
    statement = tables.passkeys.insert().values(row)
    await world.database.write(lambda connection: connection.execute(statement).rowcount)


async def signed_in_by(world: World, acr: str) -> None:
    statement = tables.browser_sessions.update().values(acr=acr)
    await world.database.write(lambda connection: connection.execute(statement).rowcount)


async def test_where_there_is_a_passkey_a_password_is_not_enough(world: World) -> None:
    under(world, strength="phishing_resistant")
    deciding = await pushed(world)
    await give_passkey(world)
    sent = await deciding.decide(deciding.page)
    assert leads_to_sign_in(sent)
    assert parse_qs(urlsplit(sent.headers["location"]).query)["acr_values"] == [PASSKEY_ACR]
    await signed_in_by(world, PASSKEY_ACR)
    assert not leads_to_sign_in(await deciding.decide(deciding.page))
    assert await deciding.done()


@pytest.mark.requirement("RFC9470-3-c")
async def test_a_device_is_told_that_it_takes_a_passkey(world: World) -> None:
    under(world, strength="phishing_resistant")
    desktop = await world.desktop()
    assert (await desktop.offer()).status_code == 201, "a password where there is nothing stronger"
    await give_passkey(world)
    assert challenge(await desktop.offer())["acr_values"] == PASSKEY_ACR


@pytest.mark.parametrize(("acr", "enough"), [(PASSWORD_ACR, True), (RECOVERY_ACR, False)])
async def test_without_a_passkey_a_password_will_do_and_a_recovery_code_will_not(
    world: World, acr: str, enough: bool
) -> None:
    under(world, strength="phishing_resistant")
    deciding = await pushed(world)
    await signed_in_by(world, acr)
    assert leads_to_sign_in(await deciding.decide(deciding.page)) is not enough


async def test_a_policy_that_insists_lets_nobody_decide_without_a_passkey(world: World) -> None:
    deciding = await pushed(world)
    under(world, strength="require_phishing_resistant")
    refused = await deciding.decide(deciding.page)
    assert refused.status_code == 400
    assert "This task asks for a passkey, and your account has none. You can only decline." in refused.text
    assert not await deciding.done()
    desktop = world.device()
    answer, _ = await desktop.ask(deciding.browser)
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["access_denied"]


async def test_a_policy_that_insists_lets_no_device_start_without_a_passkey(world: World) -> None:
    desktop = await world.desktop()
    under(world, strength="require_phishing_resistant")
    refused = await desktop.offer()
    assert (refused.status_code, refused.json()["error"]) == (400, "access_denied")


async def test_a_passkey_is_enough_and_the_person_is_back_at_the_same_decision(world: World) -> None:
    under(world, strength="phishing_resistant")
    deciding, keys = await pushed(world), authenticator()
    await add_passkey(deciding.browser, keys)
    world.now += 1
    sent = await deciding.decide(deciding.page)
    back = parse_qs(urlsplit(sent.headers["location"]).query)["return_to"][0]
    stepped = await sign_in_by_passkey(deciding.browser, keys, anew=True, return_to=back)
    page = await deciding.browser.http.get(stepped.headers["location"])
    assert not due(page)
    assert not leads_to_sign_in(await deciding.decide(page))
    assert await deciding.done()


@pytest.mark.parametrize("tighter", [{"max_age": 100}, {"strength": "phishing_resistant"}, {"one_decision": "require"}])
async def test_what_was_approved_under_a_looser_policy_is_not_redeemed_under_a_tighter_one(
    world: World, tighter: dict[str, object]
) -> None:
    deciding = await pushed(world)
    await deciding.decide(deciding.page)
    under(world, **tighter)
    assert not await deciding.done()
    under(world)
    assert await deciding.done()


@pytest.mark.requirement("A13")
async def test_a_browser_that_is_bound_to_its_device_does_not(world: World) -> None:
    deciding = await pushed(world)
    under(world, unbound_browser="fresh")
    assert due(await deciding.browser.http.get(str(deciding.page.url)))
    deciding.browser.http.cookies.clear()
    session = BoundSession(deciding.browser.http)
    assert (await session.register(await deciding.browser.sign_in())).status_code == 200
    deciding = await pushed_in(world, deciding.browser)
    assert not due(deciding.page)
    assert not leads_to_sign_in(await deciding.decide(deciding.page))


async def test_a_browser_that_is_not_bound_signs_in_for_each_decision(world: World) -> None:
    deciding = await pushed(world)
    under(world, unbound_browser="fresh")
    page = await sign_in_again(deciding.browser, await deciding.decide(deciding.page))
    assert not leads_to_sign_in(await deciding.decide(page))
    assert await deciding.done()
