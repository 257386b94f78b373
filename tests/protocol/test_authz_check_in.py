"""Some hours after a device got its first task the person is asked whether it is still theirs, and answers once."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from authz_world import Browser, Device, World
from html_page import Element, form_of, read_page
from push_world import delivery, internet, listening, pushed, told
from segue_authz.domain.arrival import ASK_AGAIN_AFTER, ASKED_WITHIN
from segue_authz.domain.notice import Kind
from segue_authz.settings import HOUR
from segue_authz.stores.check_ins import CheckIns
from segue_authz.stores.restored import void_everything
from segue_authz.stores.tables import arrivals

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A10", "XD-PUSH-10")]


async def ask(world: World) -> int:
    return int(await world.app.state.checking_in.ask())


async def asked(world: World) -> tuple[Device, Browser]:
    """A device about which the person has been asked, and a browser of theirs."""
    desktop = await world.desktop()
    world.now += world.settings.check_in
    assert await ask(world) == 1
    browser = world.browser()
    await browser.sign_in()
    return desktop, browser


async def questions(browser: Browser, path: str = "/devices") -> list[Element]:
    page = await browser.http.get(path)
    assert page.status_code == 200, page.text
    return read_page(page.text).all("article", data_fact="question")


async def answer(browser: Browser, **fields: str) -> Element:
    page = await browser.submit("/devices", await browser.http.get("/"), **fields)
    assert page.status_code == 200, page.text
    return read_page(page.text)


async def row(world: World, grant_id: str) -> sa.Row[tuple[object, ...]]:
    statement = sa.select(arrivals).where(arrivals.c.grant_id == grant_id)
    return await world.database.read(lambda connection: connection.execute(statement).one())


async def test_a_person_is_asked_after_some_hours_once_more_after_a_day_and_then_by_the_page_alone(
    world: World, tmp_path: Path
) -> None:
    desktop = await world.desktop()
    async with internet(tmp_path) as outside:
        telling = delivery(world, outside.outbound)
        world.now += world.settings.check_in - 1
        assert await ask(world) == 0
        first = await listening(world, "phone")
        world.now += 1
        assert await ask(world) == 1
        assert await ask(world) == 0
        assert await telling.deliver() == 1
        (notice,) = await told(first)
        assert (notice["title"], notice["path"]) == ("Is this device still yours?", "/devices")
        world.now += ASK_AGAIN_AFTER
        later = await listening(world, "abc")
        assert await ask(world) == 1
        assert await telling.deliver() == 1
        world.now += ASK_AGAIN_AFTER
        assert await ask(world) == 0
        assert pushed(outside) == [("abc", Kind.CHECK_IN), ("phone", Kind.CHECK_IN)]
    await later.sign_in()
    (question,) = await questions(later)
    assert question.attributes["data-value"] == desktop.grant_id


@pytest.mark.parametrize("path", ["/", "/devices"])
async def test_the_question_tells_facts_from_claims_and_the_way_out_has_the_focus(world: World, path: str) -> None:
    desktop, browser = await asked(world)
    (question,) = await questions(browser, path)
    assert question.one(_class="claim").fact("device_name").text == "Desktop"
    known = question.one("dl")
    assert (known.fact("client_name").text, known.fact("network").text) == ("Desktop", "192.0.2.1")
    assert known.fact("joined_at").words == "4 hours ago"
    no, yes = question.all("button")
    assert (no.words, yes.words) == ("No, end its access", "Yes, it is mine")
    assert ("autofocus" in no.attributes, "autofocus" in yes.attributes) == (True, False)
    assert form_of(question, no).attributes["action"] == "/devices"
    assert (await browser.http.get("/requests/waiting")).json()["check_in"] == [desktop.grant_id]


async def test_yes_ends_the_question_and_says_who_answered_and_when(world: World) -> None:
    desktop, browser = await asked(world)
    page = await answer(browser, mine=desktop.grant_id)
    assert page.all("article", data_fact="question") == []
    assert page.fact("kept_at").words == "You said that it is yours, just now."
    kept = await row(world, desktop.grant_id)
    assert (kept.answer, kept.answered_at) == ("mine", world.now)
    assert kept.answered_in
    assert kept.answered_in != kept.decided_in
    world.now += ASK_AGAIN_AFTER
    assert await ask(world) == 0
    assert (await desktop.refresh()).status_code == 200


async def test_no_ends_all_that_the_device_holds_and_says_what_to_do_next(world: World) -> None:
    desktop, browser = await asked(world)
    second = desktop.grant_id
    assert (await desktop.authorize(browser)).status_code == 200
    assert desktop.grant_id != second
    page = await answer(browser, not_mine=second)
    assert "I did not start this" in page.fact("notice").words
    assert page.all("article", data_fact="device") == []
    assert (await desktop.refresh()).json()["error"] == "invalid_grant"
    assert (await row(world, second)).answer == "not_mine"
    assert (await answer(browser, mine=second)).fact("notice").words.startswith("That has been answered before")
    assert (await row(world, second)).answer == "not_mine"


async def test_a_no_counts_after_a_yes_and_a_yes_after_nothing(world: World) -> None:
    desktop, browser = await asked(world)
    await answer(browser, mine=desktop.grant_id)
    await answer(browser, not_mine=desktop.grant_id)
    assert (await row(world, desktop.grant_id)).answer == "not_mine"
    assert (await desktop.refresh()).json()["error"] == "invalid_grant"


@pytest.mark.requirement("XD-RACE-05")
async def test_of_many_answers_at_once_one_counts_and_with_a_no_among_them_the_access_ends(world: World) -> None:
    for number in range(4):
        desktop, browser = await asked(world)
        page = await browser.http.get("/devices")
        fields = [{"mine": desktop.grant_id}] * 3 + ([{"not_mine": desktop.grant_id}] if number % 2 else [])
        answers = await asyncio.gather(*(browser.submit("/devices", page, **each) for each in fields))
        thanks = [each for each in answers if "Thank you." in read_page(each.text).fact("notice").words]
        assert len(thanks) <= 1
        assert (await row(world, desktop.grant_id)).answer == ("not_mine" if number % 2 else "mine")
        assert (await desktop.refresh()).status_code == (400 if number % 2 else 200)


@pytest.mark.requirement("XD-RACE-05")
async def test_of_several_processes_one_asks(world: World) -> None:
    await world.desktop()
    world.now += world.settings.check_in
    check_ins = [CheckIns(world.database) for _ in range(5)]
    counted = await asyncio.gather(*(each.ask(after=world.settings.check_in, now=world.now) for each in check_ins))
    assert sorted(counted) == [0, 0, 0, 0, 1]


async def test_a_device_that_was_withdrawn_is_neither_asked_about_nor_kept(world: World, tmp_path: Path) -> None:
    desktop, browser = await asked(world)
    await world.withdrawals.device(world.subject, desktop.device_id, now=world.now)
    assert await questions(browser) == []
    page = await answer(browser, mine=desktop.grant_id)
    assert page.fact("notice").words.startswith("That has been answered before, or the device has no access")
    assert (await row(world, desktop.grant_id)).answer is None
    other = await world.desktop()
    await world.withdrawals.everything(world.subject, now=world.now)
    world.now += world.settings.check_in
    assert await ask(world) == 0
    assert (await row(world, other.grant_id)).asked == 0
    async with internet(tmp_path) as outside:
        assert await delivery(world, outside.outbound).deliver() == 0


async def test_a_question_that_was_answered_before_it_was_sent_is_not_sent(world: World, tmp_path: Path) -> None:
    desktop = await world.desktop()
    world.now += world.settings.check_in
    other = await listening(world, "phone")
    await ask(world)
    await answer(other, mine=desktop.grant_id)
    async with internet(tmp_path) as outside:
        assert await delivery(world, outside.outbound).deliver() == 0


async def test_a_device_is_asked_about_once_whatever_it_gets_later(world: World) -> None:
    desktop, browser = await asked(world)
    await answer(browser, mine=desktop.grant_id)
    assert (await desktop.authorize(browser)).status_code == 200
    world.now += world.settings.check_in
    assert await ask(world) == 0
    assert not (await row(world, desktop.grant_id)).new_device


async def test_nobody_else_answers_and_nobody_answers_what_was_not_asked(world: World) -> None:
    desktop, _ = await asked(world)
    stranger = await world.stranger()
    for field in ("mine", "not_mine"):
        await answer(stranger, **{field: desktop.grant_id})
    assert (await row(world, desktop.grant_id)).answer is None
    assert (await desktop.refresh()).status_code == 200
    early = await world.desktop()
    await answer(early.browser, mine=early.grant_id)
    assert (await row(world, early.grant_id)).answer is None, "kept before it was asked"


async def test_where_it_is_switched_off_nobody_is_asked_and_long_ago_is_not_caught_up_on(world: World) -> None:
    await world.desktop()
    world.settings = replace(world.settings, check_in=0)
    world.restart()
    world.now += 5 * HOUR
    assert await ask(world) == 0
    world.settings = replace(world.settings, check_in=4 * HOUR)
    world.restart()
    world.now += ASKED_WITHIN
    assert await ask(world) == 0


@pytest.mark.requirement("XD-OPS-05")
async def test_after_a_restore_or_for_a_disabled_account_nobody_is_asked(world: World) -> None:
    _, browser = await asked(world)
    await void_everything(world.database, now=world.now)
    await browser.sign_in()
    assert await questions(browser) == []
    world.now += ASK_AGAIN_AFTER
    assert await ask(world) == 0
    await world.desktop()
    world.now += world.settings.check_in
    await world.accounts.disable(world.subject, now=world.now)
    assert await ask(world) == 0
