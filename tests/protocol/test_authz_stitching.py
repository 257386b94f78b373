"""Stitching on the pages: a client says what its session is about, and the person sees which task it may continue.

XD-CONS: the hint may be an attacker's. Expected: it orders and marks, shows nothing of itself, and decides nothing.
"""

import json
import logging
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import backchannel_world as backchannel
import pytest
import sqlalchemy as sa
from authz_world import PHONE, Browser, Device, World
from html_page import read_page
from segue.authority import ACTIONS
from segue.jose import parse
from segue_authz.domain.task_card import Choice, TaskCard
from segue_authz.stores.tables import pushed_requests, transfers

pytestmark = pytest.mark.anyio
LEASE, TRIP = "tsk_lease", "tsk_trip"
BECAUSE = "both speak of clause 7 and Acme, it was active 20 minutes ago"
HINT = "zebra-hint about clause 7"
HOSTILE = f'"><script>zebra</script><input type=radio name=task value={LEASE} checked>\u202e{{{{7*7}}}}\r\nX-A: b'


@pytest.fixture
async def browser(world: World) -> Browser:
    """A person who is signed in and has two open tasks; sessions with a hint may continue the second one."""
    for task_id, name in ((TRIP, "Trip to Lisbon"), (LEASE, "Acme lease")):
        card = TaskCard(task_id, name, "One question open", world.subject, "normal", 0, 0, "customer", ACTIONS)
        world.cards.tasks[world.subject, task_id] = card
    world.cards.likely = {LEASE: BECAUSE}
    signed_in = world.browser()
    await signed_in.sign_in()
    return signed_in


async def opened(world: World, browser: Browser, **details: Any) -> tuple[Device, dict[str, Any], str]:
    """A phone that has asked, what it was told, and the path of the approve page."""
    phone = world.device(PHONE, network="192.0.2.99")
    grant = (await phone.ask_for_task(**details)).json()
    answer = await browser.enter_code(grant["user_code"])
    return phone, grant, answer.headers["location"]


async def redeemed(phone: Device, grant: dict[str, Any]) -> Any:
    phone.world.now += grant["interval"]
    return (await phone.redeem(grant["device_code"])).json()


def first_is_the_lease(page: str) -> bool:
    return page.index(f'value="{LEASE}"') < page.index(f'value="{TRIP}"')


@pytest.mark.requirement("R8", "R30")
async def test_the_task_that_may_be_continued_stands_first_with_the_reason_on_every_page(
    world: World, browser: Browser
) -> None:
    asking = await backchannel.backend(world)
    world.cards.choices.clear()
    await asking.ask_person(authorization_details=backchannel.details(about=HINT))
    paths = [
        await world.device().page("v" * 43, about=HINT),
        (await opened(world, browser, about=HINT))[2],
        await backchannel.opened(browser),
    ]
    for path in paths:
        page = (await browser.http.get(path)).text
        assert first_is_the_lease(page)
        assert page.count("May continue this") == 1
        assert BECAUSE in read_page(page).text
        assert " checked" not in page.partition('id="tasks"')[2].partition("</fieldset>")[0]
        assert 'value="new"' in page
    assert set(world.cards.heard) == {HINT}


@pytest.mark.requirement("R30")
async def test_without_a_hint_the_pages_are_as_they_were(world: World, browser: Browser) -> None:
    _, _, path = await opened(world, browser)
    page = (await browser.http.get(path)).text
    assert "May continue" not in page
    assert not first_is_the_lease(page)
    assert world.cards.heard == []


@pytest.mark.requirement("R8", "R30", "XD-CONS-04")
async def test_a_hostile_hint_marks_at_most_and_shows_nothing_of_itself(
    world: World, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    phone, grant, path = await opened(world, browser, about=HOSTILE)
    answer = await browser.http.get(path)
    assert "zebra" not in answer.text + repr(answer.headers)
    assert " checked" not in answer.text.partition('id="tasks"')[2].partition("</fieldset>")[0]
    undecided = await browser.submit(path, answer, decision="approve", mode="share", check_value="0000")
    assert "Choose a task" in undecided.text
    assert "access_token" not in await redeemed(phone, grant)
    assert "zebra" not in caplog.text


@pytest.mark.requirement("R8", "A5")
async def test_the_client_hears_nothing_of_the_candidates_nor_of_its_hint(world: World, browser: Browser) -> None:
    heard = []
    for likely in ({LEASE: BECAUSE}, {}):
        world.cards.likely = likely
        phone, grant, path = await opened(world, browser, about=HINT)
        waiting = await redeemed(phone, grant)
        await browser.approve(path, task=TRIP, check_value=waiting["check_value"])
        tokens = await redeemed(phone, grant)
        claims = parse(tokens["access_token"]).claims()
        told = json.dumps([grant, waiting, tokens, claims])
        assert not any(word in told for word in ("zebra", LEASE, "clause", "about"))
        heard.append([sorted(grant), sorted(waiting), sorted(tokens), sorted(claims)])
    assert heard[0] == heard[1]


@pytest.mark.requirement("R8", "R31")
async def test_the_hint_is_kept_sealed_and_forgotten_with_the_decision(world: World, browser: Browser) -> None:
    async def kept() -> str | None:
        asked = sa.select(transfers.c.asked_about).order_by(transfers.c.created_at.desc())
        return await world.database.read(lambda connection: connection.execute(asked).scalars().first())

    for decision in ("approve", "deny"):
        phone, grant, path = await opened(world, browser, about=HINT)
        sealed = await kept()
        assert sealed is not None
        assert "zebra" not in sealed
        value = (await redeemed(phone, grant))["check_value"]
        await browser.approve(path, task=LEASE, check_value=value, decision=decision)
        assert await kept() is None
        world.now += 1


@pytest.mark.requirement("R8", "R31")
async def test_a_pushed_hint_is_kept_sealed_and_forgotten_with_the_decision(world: World, browser: Browser) -> None:
    async def kept() -> str:
        return str(await world.database.read(lambda c: c.execute(sa.select(pushed_requests.c.parameters)).scalar_one()))

    path = await world.device().page("v" * 43, about=HINT)
    page = await browser.http.get(path)
    assert "May continue this" in page.text
    assert "zebra" not in await kept()
    await browser.submit("/authorize", page, task=LEASE, decision="approve")
    assert await kept() == "{}"


@pytest.mark.requirement("R8", "R30")
async def test_what_the_person_chose_is_told_to_the_task_store_as_ids(world: World, browser: Browser) -> None:
    for task, likely in ((LEASE, [LEASE]), (TRIP, [LEASE]), ("new", [LEASE])):
        phone, grant, path = await opened(world, browser, about=HINT)
        value = (await redeemed(phone, grant))["check_value"]
        await browser.approve(path, task=task, name="Something new", check_value=value)
        got = (await redeemed(phone, grant))["authorization_details"][0]
        told = world.cards.choices[-1]
        assert (told.session, told.chosen, told.new) == (got["transfer_id"], got["task_id"], task == "new")
        assert (set(told.offered), told.likely) == ({LEASE, TRIP}, likely)
    desktop = world.device()
    await desktop.authorize(browser, about=HINT)
    assert isinstance(world.cards.choices[-1], Choice)
    assert (world.cards.choices[-1].new, len(world.cards.choices)) == (True, 4)


@pytest.mark.requirement("R30", "R37")
async def test_a_task_store_that_cannot_match_stops_nobody(world: World, browser: Browser) -> None:
    world.cards.cannot_match = True
    phone, grant, path = await opened(world, browser, about=HINT)
    page = (await browser.http.get(path)).text
    assert "Acme lease" in page
    assert "May continue" not in page
    await browser.approve(path, task=LEASE, check_value=(await redeemed(phone, grant))["check_value"])
    assert (await redeemed(phone, grant))["authorization_details"][0]["task_id"] == LEASE


@pytest.mark.requirement("R8")
async def test_a_reason_of_a_hostile_task_store_is_shown_as_text(world: World, browser: Browser) -> None:
    world.cards.likely = {LEASE: '<img src=x onerror=alert(1)>\u202e "both" ' + "x" * 1000}
    _, _, path = await opened(world, browser, about=HINT)
    page = (await browser.http.get(path)).text
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert "x" * 401 not in page


@pytest.mark.requirement("R8", "A14", "XD-DOS-04")
async def test_a_hint_of_another_form_is_refused(world: World) -> None:
    phone = world.device(PHONE)
    for about in ("", "x" * 501, 7, None, ["a"], {"a": 1}, "\ud800", "a\0b"):
        answer = await phone.ask_for_task(about=about)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


@pytest.mark.requirement("R8", "RFC9126-4")
async def test_words_of_the_person_come_in_no_address(world: World, browser: Browser) -> None:
    asked = "/authorize?" + urlencode(world.device().request("v" * 43, about=HINT))
    for person in (browser, world.browser()):
        answer = await person.http.get(asked)
        told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert (answer.status_code, told["error"]) == (303, "invalid_authorization_details")
    assert world.cards.heard == []


@pytest.mark.requirement("R8")
async def test_any_other_text_may_be_a_hint(world: World, browser: Browser) -> None:
    texts = ["x" * 500, "two\nlines", "\u202e\u200d", "\U0001f600" * 500, "京都"]
    for about in texts:
        _, _, path = await opened(world, browser, about=about)
        await browser.http.get(path)
    assert world.cards.heard == texts
