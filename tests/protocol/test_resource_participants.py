"""Who takes part: invited by the customer, there until they leave or are removed, and refused from then on (T15)."""

import asyncio
import time

import pytest
import sqlalchemy as sa
from participating import answered, audit, handed_over, invite, join
from resource_world import OWNER, TASK, StoreWorld, event, item, texts
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T15")]


@pytest.mark.requirement("R53", "R58")
async def test_who_takes_part_and_who_did_is_listed_with_time_and_identity(store: StoreWorld) -> None:
    owner, began = store.device(), store.now
    await store.later(10)
    guest = await join(store, "human_agent")
    await store.later(10)
    assert (await guest.post("/participants/leave")).status_code == 204
    gone, customer = (await owner.read("/participants"))["participants"]
    assert (gone["sub"], gone["role"], gone["granted_by"]) == ("usr_other", "human_agent", OWNER)
    assert (gone["joined_at"], gone["left_at"], gone["ended_by"]) == (began + 10, began + 20, "usr_other")
    assert (customer["role"], customer["from_seq"], customer["to_seq"]) == ("customer", 1, None)
    log = await owner.log()
    assert log[gone["from_seq"] - 1]["kind"] == "participant.joined"
    assert log[gone["from_seq"] - 1]["actor"]["sub"] == "usr_other"
    assert log[gone["to_seq"] - 1]["kind"] == "participant.left"
    entries = {entry["kind"]: entry for entry in await audit(owner)}
    assert entries["participant.joined"]["about"]["granted_by"] == OWNER
    assert entries["participant.left"]["device_id"] == guest.device_id
    assert [participant["sub"] for participant in (await owner.read("/resume"))["participants"]] == [OWNER]


async def test_nobody_removes_the_customer_or_somebody_who_is_not_there(store: StoreWorld) -> None:
    owner, guest = store.device(), await join(store, "human_agent")
    assert (await owner.send("DELETE", f"/participants/{OWNER}")).json()["type"].endswith("customer-stays")
    assert (await owner.post("/participants/leave")).json()["type"].endswith("customer-stays")
    assert (await owner.send("DELETE", "/participants/usr_nobody")).status_code == 404
    assert (await guest.send("DELETE", f"/participants/{OWNER}")).status_code == 403
    answers = await asyncio.gather(*(owner.send("DELETE", "/participants/usr_other") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404]


@pytest.mark.requirement("T7", "T16")
async def test_a_removed_participant_reads_nothing_more_and_their_streams_end_within_a_second(
    store: StoreWorld,
) -> None:
    owner, guest = store.device(), await join(store, "supervisor")
    async with guest.follow(query="after=0") as stream:
        assert (await stream.start())[0] == 200
        await stream.events(3)
        began = time.monotonic()
        assert (await owner.send("DELETE", "/participants/usr_other")).status_code == 204
        while await stream.block():
            pass
        assert time.monotonic() - began < 1
    for path in ("", "/resume", "/events", "/working-set", "/tool-calls", "/participants", "/audit"):
        assert (await guest.get(path)).status_code == 404, path
    await owner.say("not for them")
    assert (await guest.get("/events")).status_code == 404


@pytest.mark.requirement("T9")
async def test_what_a_removed_participant_held_is_void_and_taken_over_by_its_effect(store: StoreWorld) -> None:
    owner, guest = store.device(), await join(store, "agent")
    safe, _ = await guest.running("idempotent", lease=600)
    unsafe = await owner.propose("irreversible")
    await owner.step(unsafe, "approve")
    fence = (await guest.step(unsafe, "claim", lease=600)).json()["fence"]
    assert (await guest.step(unsafe, "start", fence=fence, lease=600)).status_code == 200
    mine, own_fence = await owner.running("idempotent")
    assert (await owner.step(safe, "claim")).status_code == 409
    assert (await owner.send("DELETE", "/participants/usr_other")).status_code == 204
    assert (await guest.step(unsafe, "complete", fence=fence, result=1)).status_code == 404
    assert (await owner.step(safe, "claim")).status_code == 200
    assert (await owner.step(unsafe, "claim")).json()["type"].endswith("outcome-unknown")
    assert (await owner.step(mine, "complete", fence=own_fence, result=1)).status_code == 200


async def test_an_invitation_is_answered_once_however_many_have_its_code(store: StoreWorld) -> None:
    owner = store.device()
    code = (await invite(owner, "human_agent"))["code"]
    people = [f"usr_{number}" for number in range(6)]
    answers = await asyncio.gather(*(answered(store, sub, "accept", code) for sub in people))
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 5
    taking_part = (await owner.read("/participants"))["participants"]
    assert len(taking_part) == 2
    assert taking_part[0]["sub"] == people[[answer.status_code for answer in answers].index(200)]
    assert [made["state"] for made in (await owner.read("/invitations"))["invitations"]] == ["accepted"]


async def test_the_code_is_said_once_and_stored_nowhere(store: StoreWorld) -> None:
    owner = store.device()
    answers = [await owner.post("/invitations", {"role": "supervisor"}, key="once") for _ in range(2)]
    made, again = (answer.json() for answer in answers)
    assert made == again
    assert made["invitation_uri"] == f"https://id.example/invitation#{made['code']}"
    assert "code" not in (await owner.read("/invitations"))["invitations"][0]

    def everything(connection: sa.Connection) -> str:
        return "".join(str(connection.execute(sa.select(table)).all()) for table in tables.metadata.tables.values())

    stored = await store.database.read(everything)
    assert made["code"] not in stored
    assert made["code"].replace("-", "") not in stored
    shown = await answered(store, "usr_other", "show", made["code"].replace("-", " ").lower())
    assert shown.json()["task_name"] == "Acme contract revision"
    assert (shown.json()["role"], shown.json()["invited_by"]) == ("supervisor", OWNER)
    assert shown.json()["actions"] == ["audit:read", *shown.json()["actions"][1:]]


async def test_an_invitation_that_lapsed_was_withdrawn_or_declined_is_worth_nothing(store: StoreWorld) -> None:
    owner = store.device()
    lapsed = await invite(owner, expires_in=60)
    withdrawn, declined = await invite(owner), await invite(owner)
    assert (await owner.send("DELETE", f"/invitations/{withdrawn['invitation_id']}")).status_code == 204
    assert (await owner.send("DELETE", f"/invitations/{withdrawn['invitation_id']}")).status_code == 404
    assert (await answered(store, "usr_other", "decline", declined["code"])).status_code == 200
    await store.later(60)
    owner.refresh()
    for made in (lapsed, withdrawn, declined):
        for verb in ("show", "accept", "decline"):
            assert (await answered(store, "usr_other", verb, made["code"])).status_code == 404
    for typed in ("", "nothing", "é" * 16, "BCDF-GHJK-LMNP-QRST"):
        assert (await answered(store, "usr_other", "accept", typed)).status_code in (400, 404)
    states = [made["state"] for made in (await owner.read("/invitations"))["invitations"]]
    assert sorted(states) == ["declined", "expired", "withdrawn"]
    assert len((await owner.read("/participants"))["participants"]) == 1


async def test_only_the_customer_invites_and_nobody_twice_or_as_customer(store: StoreWorld) -> None:
    owner, guest = store.device(), await join(store, "human_agent")
    assert (await guest.post("/invitations", {"role": "supervisor"})).status_code == 403
    assert (await owner.post("/invitations", {"role": "customer"})).status_code == 400
    code = (await invite(owner, "supervisor"))["code"]
    for sub in (OWNER, "usr_other"):
        assert (await answered(store, sub, "accept", code)).json()["type"].endswith("already-takes-part")
    assert (await answered(store, "usr_third", "accept", code)).status_code == 200


async def test_invitations_are_bounded_and_a_closed_task_takes_nobody(store: StoreWorld) -> None:
    owner = store.device()
    made = [await invite(owner) for _ in range(20)]
    assert (await owner.post("/invitations", {"role": "agent"})).json()["limits"] == {"open_invitations": 20}
    for status in ("active", "closed"):
        assert (await owner.post("/status", {"to": status})).status_code == 200
    assert (await answered(store, "usr_other", "accept", made[0]["code"])).status_code == 423


async def test_the_card_says_the_role_and_what_it_gives(store: StoreWorld) -> None:
    await join(store, "supervisor")
    card = (await store.cards("GET", f"/{TASK}", token=store.service_token("usr_other"))).json()
    assert (card["role"], card["owner"]) == ("supervisor", OWNER)
    assert "events:append" not in card["actions"]
    assert "events:read" in card["actions"]


@pytest.mark.requirement("T11")
async def test_several_agents_work_at_once_without_a_lost_update(store: StoreWorld) -> None:
    """Two agents of their own, and two devices of the customer."""
    devices = [
        store.device(),
        store.device(client_id="other"),
        await join(store, "agent", sub="usr_one"),
        await join(store, "agent", sub="usr_two"),
    ]
    start = len(await devices[0].log())

    async def work(number: int) -> None:
        device = devices[number]
        for turn in range(6):
            sent = await device.post("/events", {"events": [event(f"{number}:{turn}")]})
            assert sent.status_code == 201, sent.text
            made = await device.put(f"item-{number}-{turn}", item())
            assert made.status_code == 201, made.text

    await asyncio.gather(*(work(number) for number in range(4)))
    log = (await devices[0].log())[start:]
    assert [found["seq"] for found in log] == list(range(start + 1, start + 49))
    for number in range(4):
        assert [text for text in texts(log) if text.startswith(f"{number}:")] == [f"{number}:{n}" for n in range(6)]
    assert len((await devices[3].read("/working-set"))["items"]) == 24
    changes = await asyncio.gather(*(device.put("item-0-0", item("mine"), version=1) for device in devices))
    assert sorted(change.status_code for change in changes) == [200, 412, 412, 412]


async def test_whoever_leaves_hands_back_what_they_had_taken_over(store: StoreWorld) -> None:
    owner, guest = store.device(), await join(store)
    handoff_id = await handed_over(store, "cold", owner, guest)
    assert (await guest.post("/participants/leave")).status_code == 204
    assert (await owner.read(f"/handoffs/{handoff_id}"))["state"] == "returned"
    assert (await owner.read("/resume"))["lead"] == "agent"
    assert (await owner.say("I am back.")).status_code == 201
