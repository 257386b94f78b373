"""The page of an invitation, and what somebody else's part in a task changes at the authorization server (T15)."""

from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from authz_world import DESKTOP_URI, Browser, Device, World
from segue.authority import ACTIONS
from segue.jose import parse
from segue_authz.domain.task_card import Invitation, TaskCard

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T15")]

CODE = "WDJB-MJHT-KLPQ-RSTV"
WATCHES = frozenset({"task:read", "events:read", "working_set:read", "tool_calls:read", "audit:read", "task:transfer"})


@pytest.fixture
def invited(world: World) -> World:
    """The world with an invitation from its person."""
    world.cards.invitations[CODE] = Invitation(
        "inv_1", "tsk_1", "Acme contract revision", "supervisor", WATCHES, world.subject, world.now + 3600
    )
    return world


async def shown(browser: Browser, code: str = CODE) -> httpx2.Response:
    return await browser.submit("/invitation", await browser.http.get("/invitation"), code=code)


async def test_the_invited_person_sees_what_for_and_who_asks_and_accepts(invited: World) -> None:
    guest = await invited.stranger()
    page = await shown(guest)
    assert page.status_code == 200
    for said in ("Acme contract revision", "Some Person", "a supervisor", "You change nothing"):
        assert said in page.text
    assert 'data-value="events:read"' in page.text
    assert 'data-value="events:append"' not in page.text
    focused = page.text[: page.text.index("autofocus")].rpartition("<button")[2]
    assert 'value="decline"' in focused
    done = await guest.submit("/invitation", page, decision="accept")
    assert "You take part" in done.text
    assert [verb for _, verb in invited.cards.answered] == ["accept"]
    again = await guest.submit("/invitation", page, decision="accept")
    assert (again.status_code, "not known here" in again.text) == (400, True)


async def test_declining_ends_the_invitation_for_everybody(invited: World) -> None:
    guest = await invited.stranger()
    done = await guest.submit("/invitation", await shown(guest), decision="decline")
    assert "You declined" in done.text
    assert [verb for _, verb in invited.cards.answered] == ["decline"]
    assert (await shown(guest)).status_code == 400


async def test_only_what_was_on_the_page_is_accepted(invited: World) -> None:
    guest = await invited.stranger()
    page = await shown(guest)
    told = invited.cards.invitations[CODE]
    invited.cards.invitations[CODE] = Invitation(
        told.invitation_id, told.task_id, told.task_name, "human_agent", ACTIONS, told.invited_by, told.expires_at
    )
    answer = await guest.submit("/invitation", page, decision="accept")
    assert (answer.status_code, "has changed" in answer.text) == (400, True)
    assert invited.cards.answered == []


async def test_nothing_is_shown_before_sign_in_or_to_a_form_from_elsewhere(invited: World) -> None:
    nobody = invited.browser()
    assert (await nobody.http.get("/invitation")).headers["location"] == "/sign-in?return_to=%2Finvitation"
    guest = await invited.stranger()
    forged = await guest.http.post("/invitation", data={"code": CODE, "decision": "accept", "csrf": "guessed"})
    assert (forged.status_code, invited.cards.answered) == (403, [])


async def test_codes_cannot_be_guessed_by_trying(invited: World) -> None:
    guest = await invited.stranger()
    answers = [(await shown(guest, "BCDF-GHJK-LMNP-QRST")).status_code for _ in range(21)]
    assert answers == [400] * 20 + [429]
    assert (await shown(guest)).status_code == 429
    assert invited.cards.answered == []


async def test_who_takes_part_already_is_told_so(invited: World) -> None:
    guest = await invited.stranger()
    subject = await _subject(invited)
    card = TaskCard("tsk_1", "Acme", "", invited.subject, "normal", 0, 0, "supervisor", WATCHES)
    invited.cards.share(subject, card, role="supervisor", actions=WATCHES)
    answer = await shown(guest)
    assert (answer.status_code, "take part in this task already" in answer.text) == (409, True)


async def _subject(world: World, username: str = "stranger") -> str:
    account = await world.accounts.by_username(username)
    assert account is not None
    return account.subject


async def _taking_part(world: World, card: TaskCard, *, role: str = "supervisor") -> tuple[Browser, Device]:
    """The browser of somebody else who takes part in the task, and a device of theirs with tokens for it."""
    browser = await world.stranger()
    world.cards.share(await _subject(world), card, role=role, actions=WATCHES)
    device = world.device()
    page = await browser.http.get("/authorize?" + urlencode(device.request("v" * 43)))
    assert "You are a supervisor here. The device could see the task" in page.text
    assert 'data-fact="role" data-value="supervisor"' in page.text
    redirect = await browser.submit("/authorize", page, task=card.task_id, name="", decision="approve")
    code = parse_qs(urlsplit(redirect.headers["location"]).query)["code"][0]
    answer = await device.token("authorization_code", code=code, redirect_uri=DESKTOP_URI, code_verifier="v" * 43)
    assert answer.status_code == 200, answer.text
    device.browser = browser
    return browser, device


async def _card(world: World) -> tuple[Device, TaskCard]:
    owner = await world.desktop()
    return owner, next(iter(world.cards.tasks.values()))


def _epoch(device: Device) -> int:
    return int(parse(device.tokens["access_token"]).claims()["authorization_details"][0]["epoch"])


@pytest.mark.requirement("R53", "A5")
async def test_a_device_gets_no_more_of_a_task_than_its_persons_part_gives(world: World) -> None:
    _, card = await _card(world)
    _, device = await _taking_part(world, card)
    told = device.tokens["authorization_details"][0]
    assert frozenset(told["actions"]) == WATCHES
    assert told["owner"] == {"sub": world.subject, "name": "Some Person"}


@pytest.mark.requirement("PROFILE-epoch")
async def test_a_move_between_the_customers_devices_leaves_the_others_where_they_are(world: World) -> None:
    owner, card = await _card(world)
    _, device = await _taking_part(world, card)
    await _moved(world, owner)
    assert _epoch(device) == 1
    assert (await device.refresh()).status_code == 200
    assert _epoch(device) == 2
    assert "task:transfer" in device.tokens["authorization_details"][0]["actions"]
    assert (await owner.refresh()).status_code == 200
    assert _epoch(owner) == 1
    assert "task:transfer" not in owner.tokens["authorization_details"][0]["actions"]


async def _moved(world: World, owner: Device) -> Device:
    offer = (await owner.offer("move")).json()
    phone = world.device("phone")
    claim = (await phone.claim(offer["transfer_code"])).json()
    await owner.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await phone.redeem(claim["device_code"])).status_code == 200
    return phone


async def test_others_than_the_customer_share_and_never_move(world: World) -> None:
    owner, card = await _card(world)
    _, device = await _taking_part(world, card)
    refused = await device.offer("move")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    offer = (await device.offer("share")).json()
    phone = world.device("phone")
    claim = (await phone.claim(offer["transfer_code"])).json()
    page = await device.browser.http.get(f"/confirm/{offer['transfer_id']}")
    assert "Some Person" in page.text
    await device.browser.confirm(offer["transfer_id"], claim["check_value"])
    answer = await phone.redeem(claim["device_code"])
    assert frozenset(answer.json()["authorization_details"][0]["actions"]) <= WATCHES
    assert (await owner.refresh()).status_code == 200
    assert "events:append" in owner.tokens["authorization_details"][0]["actions"]


async def test_a_pull_of_somebody_elses_task_is_a_share_with_that_parts_actions(world: World) -> None:
    _, card = await _card(world)
    browser = await world.stranger()
    world.cards.share(await _subject(world), card, role="supervisor", actions=WATCHES)
    phone = world.device("phone")
    asked = (await phone.ask_for_task()).json()
    path = (await browser.enter_code(asked["user_code"])).headers["location"]
    await phone.redeem(asked["device_code"])
    world.now += 10
    value = (await phone.redeem(asked["device_code"])).json()["check_value"]
    page = await browser.approve(path, task=card.task_id, name="", check_value=value, mode="move")
    assert (page.status_code, "not move it" in page.text) == (400, True)
    await browser.approve(path, task=card.task_id, name="", check_value=value, mode="share")
    world.now += 10
    answer = await phone.redeem(asked["device_code"])
    assert frozenset(answer.json()["authorization_details"][0]["actions"]) <= WATCHES
