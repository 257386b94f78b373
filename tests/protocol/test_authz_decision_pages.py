"""XD-CONS-04, XD-PULL-12: what the person decides by changes under the open page, or was never on it."""

from dataclasses import replace
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from authz_world import PHONE, Browser, Device, World
from html_page import read_page
from segue_authz.stores.tables import clients

pytestmark = pytest.mark.anyio


async def offered(world: World, mode: str = "move") -> tuple[Device, Device, dict[str, Any], dict[str, Any]]:
    """A push that a phone has claimed: the desktop, the phone, the offer, the claim."""
    desktop, phone = await world.desktop(), world.device(PHONE)
    offer = (await desktop.offer(mode)).json()
    return desktop, phone, offer, (await phone.claim(offer["transfer_code"])).json()


async def asked(world: World, **details: Any) -> tuple[Device, Browser, dict[str, Any], str]:
    """A pull whose code the person has entered; the last is the path of its page."""
    phone, browser = world.device(PHONE), world.browser()
    await browser.sign_in()
    grant = (await phone.ask_for_task(**details)).json()
    path = (await browser.enter_code(grant["user_code"])).headers["location"]
    value = await phone.redeem(grant["device_code"])
    return phone, browser, grant | {"check_value": value.json()["check_value"]}, path


def rename(world: World, task_id: str, name: str) -> None:
    card = world.cards.tasks[(world.subject, task_id)]
    world.cards.tasks[(world.subject, task_id)] = replace(card, name=name)


async def rename_client(world: World, name: str) -> None:
    statement = sa.update(clients).where(clients.c.client_id == PHONE).values(name=name)
    await world.database.write(lambda connection: connection.execute(statement).rowcount)


def error_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 400, answer.text
    return read_page(answer.text).one(id="error").words


@pytest.mark.requirement("XD-CONS-04")
@pytest.mark.parametrize("what", ["task", "client"])
async def test_a_push_that_changed_under_the_page_is_shown_anew_and_costs_no_try(world: World, what: str) -> None:
    desktop, phone, offer, claim = await offered(world)
    browser, path = desktop.browser, f"/confirm/{offer['transfer_id']}"
    stale = await browser.http.get(path)
    if what == "task":
        rename(world, desktop.tokens["authorization_details"][0]["task_id"], "Payroll")
    else:
        await rename_client(world, "Payroll viewer")
    fields = {"check_value": claim["check_value"], "decision": "approve"}
    answer = await browser.submit(path, stale, **fields)
    assert "has changed" in error_of(answer)
    assert "Payroll" in answer.text
    assert read_page(answer.text).fact("attempts_left").attributes["data-value"] == "2"
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "authorization_pending"
    assert (await browser.submit(path, answer, **fields)).status_code == 303
    assert (await phone.redeem(claim["device_code"])).status_code == 200


@pytest.mark.requirement("XD-CONS-04", "XD-PULL-12")
@pytest.mark.parametrize("what", ["task", "client"])
async def test_a_pull_that_changed_under_the_page_is_shown_anew_with_what_was_chosen(world: World, what: str) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    phone, browser, grant, path = await asked(world)
    stale = await browser.http.get(path)
    if what == "task":
        rename(world, task_id, "Payroll")
    else:
        await rename_client(world, "Payroll viewer")
    fields = {"task": task_id, "mode": "share", "check_value": grant["check_value"], "decision": "approve"}
    answer = await browser.submit(path, stale, **fields)
    assert "has changed" in error_of(answer)
    page = read_page(answer.text)
    ticked = {each.attributes["value"] for each in page.all(type="radio") if "checked" in each.attributes}
    assert ticked == {task_id, "share"}
    assert page.fact("attempts_left").attributes["data-value"] == "2"
    assert (await browser.submit(path, answer, **fields)).status_code == 303
    assert (await phone.redeem(grant["device_code"])).status_code == 200


@pytest.mark.requirement("XD-CONS-04", "XD-PULL-12")
async def test_a_decision_without_the_digest_or_with_that_of_another_page_is_refused(world: World) -> None:
    _, browser, grant, path = await asked(world)
    other = (await world.device(PHONE).ask_for_task()).json()
    there = (await browser.enter_code(other["user_code"])).headers["location"]
    foreign = read_page((await browser.http.get(there)).text).one("input", name="shown").attributes["value"]
    page = await browser.http.get(path)
    for shown in ("", foreign):
        answer = await browser.submit(
            path, page, shown=shown, task="new", name="x", check_value=grant["check_value"], decision="approve"
        )
        assert "has changed" in error_of(answer)
    assert not world.cards.tasks


@pytest.mark.requirement("XD-PULL-12")
async def test_of_two_open_pages_each_form_decides_its_own_transfer(world: World) -> None:
    first, browser, grant, path = await asked(world)
    first_page = await browser.http.get(path)
    second = world.device(PHONE)
    other = (await second.ask_for_task()).json()
    await browser.enter_code(other["user_code"])
    fields = {"task": "new", "name": "x", "check_value": grant["check_value"], "decision": "approve"}
    assert (await browser.submit(path, first_page, **fields)).status_code == 303
    assert (await first.redeem(grant["device_code"])).status_code == 200
    assert (await second.redeem(other["device_code"])).json()["error"] == "authorization_pending"


@pytest.mark.requirement("XD-CONS-02", "XD-CONS-07")
async def test_a_push_that_was_declined_says_so_while_the_task_store_is_away(world: World) -> None:
    desktop, phone, offer, claim = await offered(world)
    browser, path = desktop.browser, f"/confirm/{offer['transfer_id']}"
    page = await browser.http.get(path)
    world.cards.away = True
    assert (await browser.submit(path, page, decision="deny")).status_code == 303
    after = await browser.http.get(path)
    assert (after.status_code, read_page(after.text).one("h1").words) == (200, "Not approved")
    assert (await phone.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("XD-CONS-07")
async def test_a_page_that_cannot_be_shown_claims_nothing_about_what_was_decided(world: World) -> None:
    desktop, _, offer, _ = await offered(world)
    world.cards.away = True
    answer = await desktop.browser.http.get(f"/confirm/{offer['transfer_id']}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "decided" not in answer.text
    assert "Load this page again" in answer.text


@pytest.mark.requirement("XD-CONS-02", "XD-CONS-04")
@pytest.mark.parametrize("decision", ["deny", "", "approve it"])
async def test_declining_needs_nothing_and_only_the_word_approves(world: World, decision: str) -> None:
    desktop, pushed, offer, claim = await offered(world)
    pulling, browser, grant, path = await asked(world)
    for opened, at in ((browser, path), (desktop.browser, f"/confirm/{offer['transfer_id']}")):
        page = await opened.http.get(at)
        csrf = read_page(page.text).all("input", name="csrf")[0].attributes["value"]
        assert (await opened.http.post(at, data={"csrf": csrf, "decision": decision})).status_code == 303
    assert (await pulling.redeem(grant["device_code"])).json()["error"] == "access_denied"
    assert (await pushed.redeem(claim["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("A9")
@pytest.mark.parametrize("mode", ["", "copy"])
async def test_without_an_answer_to_move_or_share_nothing_is_approved(world: World, mode: str) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    phone, browser, grant, path = await asked(world)
    answer = await browser.approve(path, task=task_id, mode=mode, check_value=grant["check_value"])
    assert error_of(answer) == "Choose whether the task is moved or shared."
    world.now += 5
    assert (await phone.redeem(grant["device_code"])).json()["error"] == "authorization_pending"


@pytest.mark.requirement("XD-PULL-04", "XD-PULL-03")
async def test_a_code_that_is_used_up_is_as_unknown_as_any_other(world: World) -> None:
    _, browser, grant, path = await asked(world)
    stranger = await world.stranger()
    await browser.approve(path, decision="deny")
    answers = [await each.enter_code(grant["user_code"]) for each in (browser, stranger)]
    answers.append(await stranger.enter_code("BCDF-GHJK"))
    assert [error_of(answer) for answer in answers] == [error_of(answers[-1])] * 3


@pytest.mark.requirement("XD-PULL-15")
async def test_a_push_code_is_unknown_on_the_pull_page_and_the_reverse(world: World) -> None:
    desktop = await world.desktop()
    offer = (await desktop.offer()).json()
    assert "not known" in error_of(await desktop.browser.enter_code(offer["transfer_code"]))
    grant = (await world.device(PHONE).ask_for_task()).json()
    assert (await world.device(PHONE).claim(grant["user_code"])).json()["error"] == "invalid_grant"


@pytest.mark.requirement("XD-PULL-11", "XD-PULL-15")
async def test_opening_links_changes_nothing_whatever_they_carry(world: World) -> None:
    phone, browser = world.device(PHONE), world.browser()
    await browser.sign_in()
    grant = (await phone.ask_for_task()).json()
    page = await browser.http.get("/device", params={"user_code": grant["user_code"], "task": "tsk_1", "mode": "share"})
    assert grant["user_code"] not in page.text
    assert "check_value" not in (await phone.redeem(grant["device_code"])).json()


@pytest.mark.requirement("XD-PULL-16")
async def test_a_hint_to_a_task_that_is_not_the_persons_can_only_be_declined(world: World) -> None:
    phone, browser, grant, path = await asked(world, task_id="tsk_foreign")
    page = read_page((await browser.http.get(path)).text)
    assert "The task it asks for is not one of yours" in page.words
    assert [each.words for each in page.all("button")] == ["Decline"]
    await browser.approve(path, decision="deny")
    assert (await phone.redeem(grant["device_code"])).json()["error"] == "access_denied"


@pytest.mark.requirement("PROFILE-fail-closed")
async def test_an_outage_of_the_task_store_hides_no_decision_that_was_made(world: World) -> None:
    _, browser, grant, path = await asked(world)
    await browser.approve(path, task="new", name="x", check_value=grant["check_value"])
    world.cards.away = True
    assert read_page((await browser.http.get(path)).text).one("h1").words == "Approved"


@pytest.mark.requirement("XD-PULL-01", "A11")
async def test_the_page_tells_that_wrong_values_ended_the_transfer(world: World) -> None:
    _, browser, grant, path = await asked(world)
    wrong = f"{(int(grant['check_value']) + 1) % 10000:04d}"
    first = await browser.approve(path, task="new", name="x", check_value=wrong)
    assert error_of(first) == "That is not the number the other device shows."
    await browser.approve(path, task="new", name="x", check_value=wrong)
    assert read_page((await browser.http.get(path)).text).one("h1").words == "Wrong check value"
