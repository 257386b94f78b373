"""A device gets a task, and the person's other browsers hear of it: once each, while it is so, and not without end."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from authz_world import PHONE, Device, World
from backchannel_world import approved, backend
from html_page import read_page
from push_world import delivery, internet, listening, pushed, show, told
from segue_authz.domain.account_event import AccountEvent
from segue_authz.domain.account_event import Kind as Event
from segue_authz.domain.arrival import NEW_FOR
from segue_authz.domain.notice import A_DAY, LIFETIME, Kind
from segue_authz.stores.account_events import AccountEvents
from segue_authz.stores.leftovers import LATE, drop_leftovers
from segue_authz.stores.notices import PAUSES, tell
from segue_authz.stores.push_messages import PushMessages
from segue_authz.stores.restored import void_everything
from segue_authz.stores.tables import arrivals, push_messages

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A10", "XD-PUSH-10")]


async def by_push(world: World, desktop: Device) -> Device:
    """Share the desktop's task with a phone."""
    phone = world.device(PHONE, network="192.0.2.99")
    offer = (await desktop.offer("share")).json()
    claim = (await phone.claim(offer["transfer_code"], device_name="Blue phone")).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert (await phone.redeem(claim["device_code"])).status_code == 200
    return phone


async def by_pull(world: World, desktop: Device) -> Device:
    phone = world.device(PHONE)
    asked = (await phone.ask_for_task()).json()
    entered = await desktop.browser.enter_code(asked["user_code"])
    world.now += 2
    value = (await phone.redeem(asked["device_code"])).json()["check_value"]
    await desktop.browser.approve(entered.headers["location"], task="new", name="New", check_value=value)
    world.now += 2
    assert (await phone.redeem(asked["device_code"])).status_code == 200
    return phone


async def by_code(world: World, desktop: Device) -> Device:
    other = world.device()
    assert (await other.authorize(desktop.browser)).status_code == 200
    return other


async def by_backchannel(world: World, desktop: Device) -> Device:
    client = await backend(world)  # which they have let have a task before, in a browser of its own
    await world.database.write(lambda connection: connection.execute(push_messages.delete()).rowcount)
    await client.ask_person()
    await approved(client, desktop.browser)
    assert (await client.poll()).status_code == 200
    return client


async def count(world: World, table: sa.Table) -> int:
    statement = sa.select(sa.func.count()).select_from(table)
    return int(await world.database.read(lambda connection: connection.execute(statement).scalar_one()))


@pytest.mark.parametrize("gets_it", [by_push, by_pull, by_code, by_backchannel])
async def test_the_other_browsers_hear_that_a_device_joined_and_the_one_that_decided_does_not(
    world: World, tmp_path: Path, gets_it: Callable[[World, Device], Awaitable[Device]]
) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    endpoint = "https://client.example/push/desk"
    await desktop.browser.submit("/notices", await desktop.browser.http.get("/notices"), endpoint=endpoint)
    await gets_it(world, desktop)
    async with internet(tmp_path) as outside:
        telling = delivery(world, outside.outbound)
        while await telling.deliver():
            pass
        joined = [name for name, topic in pushed(outside) if topic == Kind.JOINED]
        assert joined[0] == "phone"
        assert "desk" not in joined
        assert set(outside.bodies) == {b""}
    (notice,) = [each for each in await told(other) if each["tag"] == Kind.JOINED]
    assert (notice["title"], notice["path"]) == ("A device joined your task", "/devices")
    assert [each for each in await told(desktop.browser) if each["tag"] == Kind.JOINED] == []


async def test_a_refresh_and_an_exchange_are_no_arrival(world: World) -> None:
    desktop = await world.desktop()
    before = await count(world, arrivals)
    assert (await desktop.refresh()).status_code == 200
    assert await count(world, arrivals) == before == 1


async def test_a_notice_names_neither_the_task_nor_the_device_nor_who_made_it(world: World, tmp_path: Path) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    await by_push(world, desktop)
    async with internet(tmp_path) as outside:
        await delivery(world, outside.outbound).deliver()
        sent = "".join(outside.asked)
    answer = (await other.http.get("/notices/latest")).text
    for secret in ("Acme", "Blue phone", "192.0.2.99", world.subject):
        assert secret not in sent
        assert secret not in answer


async def test_what_a_browser_has_shown_it_is_not_told_again_and_another_is(world: World, tmp_path: Path) -> None:
    desktop = await world.desktop()
    first, second = await listening(world, "phone"), await listening(world, "abc")
    await by_push(world, desktop)
    async with internet(tmp_path) as outside:
        await delivery(world, outside.outbound).deliver()
    await show(first)
    assert await told(first) == []
    assert Kind.JOINED in [each["tag"] for each in await told(second)]
    ids = " ".join(one for each in await told(second) for one in each["ids"])
    csrf = (await first.http.get("/notices/latest")).json()["csrf"]
    await first.http.post("/notices/latest", data={"csrf": csrf, "ids": ids})
    assert await told(second) != [], "a browser has spoken for another"
    refused = await second.http.post("/notices/latest", data={"csrf": "guessed", "ids": ids})
    assert refused.status_code == 403
    assert await told(second) != []


async def test_a_device_that_was_ended_meanwhile_is_not_told_of(world: World, tmp_path: Path) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    phone = await by_push(world, desktop)
    await world.withdrawals.device(world.subject, phone.device_id, now=world.now)
    async with internet(tmp_path) as outside:
        await delivery(world, outside.outbound).deliver()
        assert Kind.JOINED not in [topic for _, topic in pushed(outside)]
    assert await told(other) == []


async def test_who_was_told_before_it_was_ended_reads_that_it_is_settled(world: World, tmp_path: Path) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    phone = await by_push(world, desktop)
    async with internet(tmp_path) as outside:
        await delivery(world, outside.outbound).deliver()
    await world.withdrawals.device(world.subject, phone.device_id, now=world.now)
    answer = (await other.http.get("/notices/latest")).json()
    assert answer["notices"] == []
    assert answer["otherwise"]["title"] == "This has been settled"
    await other.submit("/sign-out", await other.http.get("/"))
    answer = (await other.http.get("/notices/latest")).json()
    assert (answer["notices"], answer["otherwise"]["title"]) == ([], "Segue has something to tell you")


async def test_a_browser_that_was_signed_out_meanwhile_is_not_told(world: World) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    await by_code(world, desktop)
    await other.submit("/sign-out", await other.http.get("/"))
    assert await PushMessages(world.database).take(now=world.now) == []
    assert await count(world, push_messages) == 0


async def test_a_message_that_a_dying_process_took_is_sent_by_another_and_not_for_ever(
    world: World, tmp_path: Path
) -> None:
    desktop = await world.desktop()
    await listening(world, "phone")
    await by_code(world, desktop)
    assert len(await PushMessages(world.database).take(now=world.now)) == 1  # and now it dies
    async with internet(tmp_path) as outside:
        outside.says("/push/phone", b"", status=503)
        telling = delivery(world, outside.outbound)
        assert await telling.deliver() == 0
        for pause in PAUSES[:-1]:
            world.now += pause
            assert await telling.deliver() == 1
        world.now += PAUSES[-1]
        assert await telling.deliver() == 0
    assert len(outside.asked) == len(PAUSES) - 1


async def test_of_several_processes_one_sends(world: World) -> None:
    desktop = await world.desktop()
    await listening(world, "phone")
    await by_code(world, desktop)
    taken = await asyncio.gather(*(PushMessages(world.database).take(now=world.now) for _ in range(5)))
    assert sorted(len(each) for each in taken) == [0, 0, 0, 0, 1]


async def test_a_push_service_that_forgot_the_browser_is_asked_no_more(world: World, tmp_path: Path) -> None:
    desktop = await world.desktop()
    await listening(world, "phone")
    await by_code(world, desktop)
    async with internet(tmp_path) as outside:
        outside.says("/push/phone", b"", status=410)
        telling = delivery(world, outside.outbound)
        assert await telling.deliver() == 1
        world.now += 60
        await by_code(world, desktop)
        assert await telling.deliver() == 0


@pytest.mark.requirement("XD-BACK-02")
async def test_nobody_is_worn_down_by_one_kind_and_still_hears_of_another(world: World) -> None:
    await listening(world, "phone")

    async def tell_often(kind: Kind, times: int) -> int:
        before = await count(world, push_messages)
        for _ in range(times):
            world.now += 1
            await world.database.write(lambda connection: tell(connection, world.subject, kind, now=world.now))
        return await count(world, push_messages) - before

    assert await tell_often(Kind.JOINED, A_DAY + 5) == A_DAY
    assert await tell_often(Kind.PASSKEY_ADDED, 2) == 2
    world.now += 86_400
    await listening(world, "desk")
    assert await tell_often(Kind.JOINED, 1) == 1


async def test_a_late_message_is_neither_sent_nor_shown(world: World) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    await by_code(world, desktop)
    assert len(await PushMessages(world.database).take(now=world.now)) == 1
    world.now += LIFETIME
    assert await PushMessages(world.database).take(now=world.now) == []
    assert await told(other) == []


@pytest.mark.requirement("A2")
async def test_a_push_that_waits_for_the_decision_is_told_until_it_is_decided(world: World, tmp_path: Path) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    offer = (await desktop.offer("share")).json()
    phone = world.device(PHONE)
    claim = (await phone.claim(offer["transfer_code"])).json()
    async with internet(tmp_path) as outside:
        await delivery(world, outside.outbound).deliver()
        assert pushed(outside) == [("phone", Kind.CLAIMED)]
    (notice,) = await told(other)
    assert notice["path"] == f"/confirm/{offer['transfer_id']}"
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"], decision="deny")
    assert await told(other) == []


@pytest.mark.requirement("A1")
async def test_a_device_that_asks_as_somebody_is_told_to_them_and_one_that_asks_as_nobody_to_nobody(
    world: World, tmp_path: Path
) -> None:
    desktop = await world.desktop()
    other = await listening(world, "phone")
    assert (await world.device(PHONE).ask_for_task()).status_code == 200
    async with internet(tmp_path) as outside:
        telling = delivery(world, outside.outbound)
        assert await telling.deliver() == 0
        assert (await desktop.ask_for_task_as(await desktop.issuer_token())).status_code == 200
        assert await telling.deliver() == 1
        assert pushed(outside) == [("phone", Kind.ASKED)]
    (notice,) = await told(other)
    assert notice["path"] == "/device"


async def test_a_request_by_the_backchannel_is_among_what_the_worker_shows(world: World) -> None:
    client = await backend(world)
    browser = await listening(world, "phone")
    await client.ask_person()
    (notice,) = await told(browser)
    assert (notice["tag"], notice["title"], notice["path"]) == ("request", "A request waits for you", "/requests")


async def test_the_pages_say_what_is_new_until_the_person_has_seen_it(world: World) -> None:
    desktop = await world.desktop()
    phone = await by_push(world, desktop)
    other = world.browser()
    await other.sign_in()
    page = read_page((await other.http.get("/devices")).text)
    new = {each.attributes["data-value"]: each for each in page.all("article", data_fact="arrival")}
    assert set(new) == {desktop.grant_id, phone.grant_id}
    its = new[phone.grant_id]
    assert its.one(_class="claim").fact("device_name").text == "Blue phone"
    assert {name: its.one("dl").fact(name).text for name in ("client_name", "network", "task_name")} == {
        "client_name": "Phone",
        "network": "192.0.2.99",
        "task_name": "Acme contract revision",
    }
    there = (await other.http.get("/requests/waiting")).json()
    assert set(there["joined"]) == set(new)
    assert (await desktop.browser.http.get("/requests/waiting")).json()["joined"] == [], "told to who decided"
    assert read_page((await other.http.get("/")).text).fact("arrivals").attributes["data-value"] == "2"
    later = await by_code(world, desktop)
    answer = await other.submit("/devices", await other.http.get("/devices"), seen=" ".join(new))
    left = read_page(answer.text).all("article", data_fact="arrival")
    assert [each.attributes["data-value"] for each in left] == [later.grant_id], "what came meanwhile is new"
    stranger = await world.stranger()
    tried = await stranger.submit("/devices", await stranger.http.get("/"), seen=later.grant_id)
    assert tried.status_code == 200
    assert (await other.http.get("/requests/waiting")).json()["joined"] == [later.grant_id]
    world.now += NEW_FOR
    await other.sign_in()
    assert (await other.http.get("/requests/waiting")).json()["joined"] == []


@pytest.mark.requirement("A4")
@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event.PASSKEY_ADDED, Kind.PASSKEY_ADDED),
        (Event.CODE_USED, Kind.SIGN_IN_CHANGED),
        (Event.SIGNED_OUT_ELSEWHERE, None),
    ],
)
async def test_what_happens_to_how_a_person_signs_in_is_told_with_it(
    world: World, event: Event, kind: Kind | None
) -> None:
    other = await listening(world, "phone")
    happened = AccountEvent("evt_1", world.subject, event, "Blue key", "192.0.2.99", world.now)
    await AccountEvents(world.database).note(happened)
    assert len(await PushMessages(world.database).take(now=world.now)) == (kind is not None)
    assert [each["tag"] for each in await told(other)] == ([kind] if kind else [])


async def test_whoever_is_signed_out_is_told_nothing(world: World) -> None:
    await world.desktop()
    nobody = world.browser()
    empty: dict[str, list[Any]] = {"waiting": [], "joined": [], "check_in": []}
    assert (await nobody.http.get("/requests/waiting")).json() == empty
    assert (await nobody.http.get("/notices/latest")).json()["notices"] == []


@pytest.mark.requirement("XD-OPS-05", "XD-DOS-06")
async def test_nothing_is_told_after_a_restore_and_nothing_kept_of_a_deleted_account_or_for_ever(
    world: World,
) -> None:
    desktop = await world.desktop()
    await listening(world, "phone")
    await by_code(world, desktop)
    assert (await count(world, push_messages), await count(world, arrivals)) == (1, 2)
    await void_everything(world.database, now=world.now)
    assert await PushMessages(world.database).take(now=world.now) == []
    other = world.browser()
    await other.sign_in()
    assert (await other.http.get("/requests/waiting")).json()["joined"] == []
    world.now += LATE + 1
    await drop_leftovers(world.database, now=world.now)
    assert await count(world, arrivals) == 0
    await listening(world, "phone")
    await by_code(world, await world.desktop())
    assert await count(world, arrivals) > 0
    await world.accounts.delete(world.subject, now=world.now)
    assert (await count(world, push_messages), await count(world, arrivals)) == (0, 0)


@pytest.mark.requirement("A2")
async def test_of_two_who_redeem_at_once_one_arrives(world: World) -> None:
    desktop = await world.desktop()
    phone = world.device(PHONE)
    offer = (await desktop.offer("share")).json()
    claim = (await phone.claim(offer["transfer_code"])).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    await asyncio.gather(*(phone.redeem(claim["device_code"]) for _ in range(3)))
    assert await count(world, arrivals) == 2
