"""The example of an agent backend that asks by the backchannel, over HTTP: it polls, or waits to be told."""

import json

import httpx2
import pytest
from authz_world import ISSUER, USERNAME, World
from backchannel_world import Backend as Registered
from backchannel_world import approved, backend, opened, pinged, signed_in
from segue_client.backchannel import Asked, AskedPerson, Backend, Notifications, ask
from segue_client.device import Refused
from starlette.applications import Starlette
from starlette.routing import Route

pytestmark = pytest.mark.anyio
ACTIONS = ["task:read", "events:read", "events:append"]


def example(world: World, registered: Registered) -> Backend:
    """The example with the registration and the key of a client of these tests."""
    return Backend(
        issuer=ISSUER,
        client_id=registered.client_id,
        client_secret=registered.secret,
        http=world.http("198.51.100.7"),
        key=registered.key,
        clock=lambda: world.now,
    )


async def patient(world: World, asked: AskedPerson) -> None:
    """Time passes between two polls without anybody waiting for it."""
    asked.interval = 0
    world.now += 10


@pytest.mark.requirement("A3", "U4", "CIBA-7-1-a", "CIBA-10-1-a")
async def test_the_example_goes_on_with_the_task_of_a_person_who_is_elsewhere(world: World) -> None:
    desktop = await world.desktop()
    task_id = desktop.tokens["authorization_details"][0]["task_id"]
    agent, browser = example(world, await backend(world)), await signed_in(world)
    asked = await ask(agent, person=USERNAME, actions=ACTIONS, task_id=task_id, binding_message="Order 4711")
    path, waiting = await opened(browser), AskedPerson(agent, asked)
    await patient(world, waiting)
    value = await waiting.check_value()
    await browser.approve(path, task=task_id, mode="share", check_value=value)
    world.now += 10
    grant = await waiting.grant()
    assert (grant.task_id, sorted(grant.details["actions"])) == (task_id, sorted(ACTIONS))


@pytest.mark.requirement("A3", "U4")
async def test_the_example_is_told_of_a_no(world: World) -> None:
    agent, browser = example(world, await backend(world)), await signed_in(world)
    waiting = AskedPerson(agent, await ask(agent, person=USERNAME, actions=ACTIONS))
    path = await opened(browser)
    await browser.submit(path, await browser.http.get(path), decision="deny")
    with pytest.raises(Refused, match="access_denied"):
        await waiting.redeem()


@pytest.mark.requirement("A3", "U4")
async def test_the_example_asks_again_by_the_id_token_it_got(world: World) -> None:
    registered, browser = await backend(world), await signed_in(world)
    await registered.ask_person()
    await approved(registered, browser)
    id_token = (await registered.poll()).json()["id_token"]
    asked = await ask(example(world, registered), id_token=id_token, actions=ACTIONS)
    assert asked.interval == 2


@pytest.mark.requirement("A3", "U4", "XD-BACK-08", "CIBA-10-2-c", "CIBA-10-2-d", "CIBA-10-2-e")
async def test_the_example_hears_its_own_notices_and_no_others(world: World) -> None:
    agent, notifications = example(world, await pinged(world)), Notifications()
    token = notifications.token()
    asked = await ask(agent, person=USERNAME, actions=ACTIONS, notification_token=token)
    notifications.expect(asked, token)
    app = Starlette(routes=[Route("/notified", notifications.receive, methods=["POST"])])
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://client.example")
    right = json.dumps({"auth_req_id": asked.auth_req_id})
    for bearer, told in (
        (None, right),
        (f"Bearer {notifications.token()}", right),
        (f"Basic {token}", right),
        (f"Bearer {token}", json.dumps({"auth_req_id": "another"})),
        (f"Bearer {token}", json.dumps({"auth_req_id": [asked.auth_req_id]})),
        (f"Bearer {token}", "[]"),
        (f"Bearer {token}", "{"),
        (f"Bearer {token}", right + " " * 5_000),
        ("Bearer ", json.dumps({"auth_req_id": ""})),
    ):
        headers = {} if bearer is None else {"Authorization": bearer}
        assert (await http.post("/notified", content=told, headers=headers)).status_code == 401
        assert not notifications.told(asked)
    further = json.dumps({"auth_req_id": asked.auth_req_id, "further": "member"})
    for _ in range(2):
        answer = await http.post("/notified", content=further, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 204
    assert notifications.told(asked)
    assert not notifications.told(Asked("another", 60, 2))
    await http.aclose()
