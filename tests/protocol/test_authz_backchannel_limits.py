"""Nobody can be worn down by requests (RFC 10027 section 4.3.9): limits for a person and for a client."""

import asyncio

import pytest
from authz_world import World
from backchannel_world import Backend, backend, opened, signed_in, waiting
from segue_authz.domain.backchannel import ANNOUNCED_A_DAY, DAY, HOUR, MUTED_FOR, PEOPLE_PER_RATE, REQUESTS_A_DAY
from segue_authz.domain.policy import BALANCED, Policies

pytestmark = pytest.mark.anyio


async def decided(world: World, client: Backend, decision: str) -> None:
    browser = await signed_in(world)
    path = await opened(browser)
    await browser.submit(path, await browser.http.get(path), decision=decision)


async def statuses(client: Backend, *hints: str) -> list[int]:
    return [(await client.ask_person(login_hint=hint)).status_code for hint in hints]


@pytest.mark.requirement("A3", "XD-BACK-02", "RFC10027-6-1-11")
async def test_one_client_has_one_open_request_for_a_person(world: World) -> None:
    client = await backend(world)
    assert (await client.ask_person()).status_code == 200
    again = await client.ask_person()
    assert (again.status_code, again.json()["error"], "Retry-After" in again.headers) == (
        429,
        "temporarily_unavailable",
        True,
    )
    assert len(await waiting(await signed_in(world))) == 1


@pytest.mark.requirement("A3", "XD-BACK-02")
async def test_of_many_requests_at_once_one_is_taken(world: World) -> None:
    client = await backend(world)
    await client.ask_person(requested_expiry="30")
    world.now += 31
    answers = await asyncio.gather(*(client.ask_person() for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 429, 429, 429, 429]
    assert len(await waiting(await signed_in(world))) == 1


@pytest.mark.requirement("A3", "XD-BACK-02")
async def test_after_each_no_the_client_waits_longer(world: World) -> None:
    client = await backend(world)
    for pause in (600, HOUR, DAY):
        assert (await client.ask_person()).status_code == 200
        await decided(world, client, "deny")
        world.now += pause - 1
        assert (await client.ask_person()).status_code == 429
        world.now += 1
    assert (await client.ask_person()).status_code == 200


@pytest.mark.requirement("A3", "XD-BACK-02")
async def test_a_client_asks_a_person_a_few_times_a_day(world: World) -> None:
    client = await backend(world)
    for _ in range(REQUESTS_A_DAY):
        assert (await client.ask_person(requested_expiry="60")).status_code == 200
        world.now += 61
    assert (await client.ask_person()).status_code == 429
    world.now += DAY
    assert (await client.ask_person()).status_code == 200


@pytest.mark.requirement("A3", "XD-BACK-02", "A10", "RFC10027-6-1-6")
async def test_a_client_that_a_person_did_not_start_reaches_them_no_more_for_a_while_and_is_not_told(
    world: World,
) -> None:
    client = await backend(world)
    await client.ask_person()
    await decided(world, client, "report")
    assert await client.error() == "access_denied"
    world.now += HOUR
    assert (await client.ask_person()).status_code == 200
    assert await waiting(await signed_in(world)) == []
    world.now += MUTED_FOR
    assert (await client.ask_person()).status_code == 200
    assert len(await waiting(await signed_in(world))) == 1


@pytest.mark.requirement("A3", "RFC10027-6-1-6")
async def test_a_client_that_was_reported_often_asks_nobody(world: World) -> None:
    world.policies = Policies(BALANCED, by_client={"helper": {"detect_and_remediate": 1}})
    world.restart()
    client = await backend(world)
    await client.ask_person()
    await decided(world, client, "report")
    answer = await client.ask_person(login_hint="somebody else")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.requirement("A3", "XD-BACK-02")
async def test_a_person_sees_a_few_requests_of_all_clients_at_once_and_no_client_is_told(world: World) -> None:
    clients = [await backend(world, f"client{number}") for number in range(4)]
    assert [(await client.ask_person()).status_code for client in clients] == [200] * 4
    assert len(await waiting(await signed_in(world))) == 3


@pytest.mark.requirement("A3", "XD-BACK-02")
async def test_a_person_sees_a_number_of_requests_a_day(world: World) -> None:
    clients = [await backend(world, f"client{number}") for number in range(4)]
    shown, browser = 0, await signed_in(world)
    for _ in range(9):
        for client in clients:
            assert (await client.ask_person(requested_expiry="30")).status_code == 200
            shown += len(await waiting(browser))
            world.now += 31
    assert shown == ANNOUNCED_A_DAY


@pytest.mark.requirement("A3", "XD-BACK-01", "RFC10027-6-1-11")
async def test_a_client_asks_so_many_people_in_an_hour_and_so_often_in_a_minute(world: World) -> None:
    client, limit = await backend(world), BALANCED.rate_limits
    hints = [f"guess-{number}" for number in range(PEOPLE_PER_RATE * limit + 1)]
    told = []
    for number, hint in enumerate(hints):
        if number and number % limit == 0:
            assert await statuses(client, "one too many") == [429]
            world.now += 61
        told += await statuses(client, hint)
    assert told == [200] * (PEOPLE_PER_RATE * limit) + [429]
    world.now += HOUR
    assert await statuses(client, hints[-1]) == [200]


@pytest.mark.requirement("A3", "XD-BACK-05")
async def test_who_is_locked_out_is_not_asked_and_finds_nothing_later(world: World) -> None:
    client = await backend(world)
    await world.accounts.disable(world.subject, now=world.now)
    assert (await client.ask_person()).status_code == 200
    await world.accounts.enable(world.subject)
    assert await waiting(await signed_in(world)) == []
