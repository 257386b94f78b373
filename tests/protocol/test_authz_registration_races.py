"""What decides who may register and change a registration holds on every database, and when two come at once."""

import asyncio

import pytest
from authz_world import World
from registering import described, invite, let_in, manage, register, registered
from segue_authz.settings import Registering
from segue_authz.stores import registrations
from segue_authz.stores.registrations import IN_ALL, NETWORK_WINDOW, PER_NETWORK, UNUSED_LIFETIME

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]


@pytest.mark.requirement("XD-META-04")
async def test_an_invitation_is_good_for_as_many_clients_as_it_says_and_for_no_longer(world: World) -> None:
    token = await invite(world, uses=2)
    answers = await asyncio.gather(*(register(world, token=token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 401, 401]
    late = await invite(world, lifetime=60)
    world.now += 60
    assert (await register(world, token=late)).status_code == 401


@pytest.mark.requirement("XD-META-04")
async def test_where_anybody_may_register_a_network_may_so_often(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    let_in(world, Registering.OPEN)
    for _ in range(PER_NETWORK):
        assert (await register(world, token="")).status_code == 201
    assert (await register(world, token="")).status_code == 429
    assert (await register(world, token="nonsense")).status_code == 401
    assert (await register(world)).status_code == 201, "who is invited is not counted"
    monkeypatch.setattr(registrations, "IN_ALL", PER_NETWORK + 1)
    assert IN_ALL > PER_NETWORK
    answers = [await register(world, token="", network=f"198.51.100.{number}") for number in range(2)]
    assert [answer.status_code for answer in answers] == [201, 429]
    world.now += NETWORK_WINDOW
    monkeypatch.undo()
    assert (await register(world, token="")).status_code == 201


async def test_a_client_that_is_never_used_is_forgotten(world: World) -> None:
    first, second = await registered(world), await registered(world)
    reviewed = second["client_id"]
    await world.clients.review(reviewed, actions=None, now=world.now)
    world.now += UNUSED_LIFETIME - 1
    await registered(world)
    assert await world.clients.enabled(first["client_id"])
    world.now += 1
    await registered(world)
    assert await world.clients.enabled(first["client_id"]) is None
    assert await world.clients.enabled(reviewed)


async def test_of_two_changes_with_one_token_one_happens(world: World) -> None:
    client = await registered(world)
    wanted = [described(client_name=f"App {name}") | {"client_id": client["client_id"]} for name in "AB"]
    answers = await asyncio.gather(*(manage(world, "PUT", client, each) for each in wanted))
    assert sorted(answer.status_code for answer in answers) == [200, 401]


@pytest.mark.requirement("RFC7592-2-3")
async def test_a_client_removes_itself_and_all_that_it_holds_ends(world: World) -> None:
    client = await registered(world)
    await world.clients.review(client["client_id"], actions=None, now=world.now)
    device, browser = world.device(client["client_id"]), world.browser()
    await browser.sign_in()
    asked = await device.ask_for_task(actions=["task:read"])
    page = await browser.enter_code(asked.json()["user_code"])
    path = page.headers["location"]
    waiting = await device.redeem(asked.json()["device_code"])
    world.now += 10
    fields = {"task": "new", "name": "Lease", "check_value": waiting.json()["check_value"]}
    assert (await browser.approve(path, **fields)).status_code == 303
    assert (await device.redeem(asked.json()["device_code"])).status_code == 200
    world.now += 10
    grant_id = device.grant_id
    answer = await manage(world, "DELETE", client)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await device.refresh()).json()["error"] == "invalid_client"
    standing = await world.grants.standing(grant_id)
    assert standing is not None
    assert standing.grant.revoked_at == world.now
    assert grant_id in await world.withdrawals.since(world.now - 1, now=world.now)
    assert (await manage(world, "GET", client)).status_code == 401
    assert not await world.clients.enable(client["client_id"])
    devices = await browser.http.get("/devices")
    assert "End this access" not in devices.text
