"""What lasts: over a crash, over lost memory, over a database that is away, and against whoever reads the disk."""

from pathlib import Path
from typing import Any

import pytest
from deployment import Deployment, running_deployment
from journey import CALL, Journey, item, open_journey, said, texts
from postgresql_server import PostgreSQLServer
from redis_server import RedisServer
from running_demo import RunningDemo
from segue_client import push_transfer
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_demo.enrolled import Person

pytestmark = pytest.mark.anyio


async def test_r19_each_turn_is_durable_once_it_is_answered(deployment: Deployment) -> None:
    async with open_journey(deployment.site, deployment.person) as journey:
        grant = await journey.begin()
        task = journey.task(grant)
        for turn in range(3):
            answered = await task.append([said(f"question {turn}", role="customer"), said(f"answer {turn}")])
            written = await task.create_item(f"turn-{turn}", item("fact", f"Learnt in turn {turn}"))
            deployment.kill()
            deployment.start()
            events = await task.events()
            assert [event["seq"] for event in events][-1] == answered["last"] + 1
            assert texts(events) == [f"{who} {n}" for n in range(turn + 1) for who in ("question", "answer")]
            kept = (await task.resume())["working_set"]
            assert [found["title"] for found in kept] == [f"Learnt in turn {n}" for n in range(turn + 1)]
            assert kept[-1] == written


async def test_r24_the_store_is_the_source_of_truth_and_memory_a_cache(
    deployment: Deployment, request: pytest.FixtureRequest
) -> None:
    async with open_journey(deployment.site, deployment.person) as journey:
        grant = await journey.begin()
        await journey.task(grant).join(name="Desktop", transport="http")
        await journey.task(grant).create_item("cap", item("decision", "Liability is capped"))
        await journey.task(grant).propose(CALL)
        offer = await push_transfer.start(grant, mode="share")
        phone = journey.phone()
        claim = await push_transfer.claim(phone, transfer_code=offer.transfer_code, device_name="Phone")
        before = await everything(journey, grant)
        deployment.kill()
        if deployment.redis is not None:
            redis: RedisServer = request.getfixturevalue("redis_server")
            redis.ask("FLUSHALL")
        deployment.start()
        for _ in range(4):  # whichever process answers
            assert await everything(journey, grant) == before
        assert (await push_transfer.state(grant, offer))["state"] == "claimed"
        await journey.browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
        assert (await push_transfer.redeem(phone, claim)).task_id == grant.task_id


async def everything(journey: Journey, grant: Grant) -> list[Any]:
    paths = ("", "/resume", "/sessions", "/events", "/working-set", "/tool-calls")
    return [(await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}{path}")).json() for path in paths]


async def test_r31_what_is_written_is_sealed_on_disk_and_shown_to_nobody_else(
    demo: RunningDemo, journey: Journey, stranger: Person
) -> None:
    canary = "zebrafinch"
    grant = await journey.begin(f"Name {canary}")
    task = journey.task(grant)
    await task.join(name=f"Session {canary}", transport="http")
    await task.append([said(f"Message {canary}")], key="message")
    await task.create_item("item", item("document", f"Title {canary}", body=f"Body {canary}"))
    call = await task.propose({**CALL, "title": f"Call {canary}", "arguments": {"of": canary}})
    held = await task.step(call["call_id"], "claim", lease=30)
    await task.step(call["call_id"], "start", fence=held["fence"], lease=30)
    await task.step(call["call_id"], "complete", fence=held["fence"], result={"is": canary})
    await journey.hand_over(grant, mode="share")
    files = [path for path in (demo.folder / "state").rglob("*") if path.is_file()]
    assert any(path.name == "resource.db" for path in files)
    holding = [path.name for path in files if canary.encode() in path.read_bytes()]
    assert holding == []
    assert mode(demo.folder / "state" / "resource.key") == 0o600
    async with open_journey(demo.site, stranger) as theirs:
        foreign = await theirs.begin("Theirs")
        for path in ("", "/resume", "/events", "/working-set/item", f"/tool-calls/{call['call_id']}"):
            refused = await theirs.at_store(foreign, "GET", f"/tasks/{grant.task_id}{path}")
            missing = await theirs.at_store(foreign, "GET", f"/tasks/tsk_missing{path}")
            assert (refused.status_code, refused.json()) == (404, missing.json())
        with pytest.raises(Refused, match="wrong_answer"):  # the page does not let them choose what is not theirs
            await theirs.begin(task=grant.task_id)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_r46_the_same_task_is_done_on_either_storage_backend(deployment: Deployment) -> None:
    async with open_journey(deployment.site, deployment.person) as journey:
        desktop = await journey.begin()
        await journey.task(desktop).append([said("on this backend")])
        await journey.task(desktop).create_item("cap", item("decision", "Liability is capped"))
        call = await claimed_call(journey, desktop)
        phone = await journey.hand_over(desktop)
        view = await journey.task(phone).resume()
        assert texts(view["events"]) == ["on this backend"]
        assert [found["title"] for found in view["working_set"]] == ["Liability is capped"]
        assert [found["call_id"] for found in view["tool_calls"]] == [call["call_id"]]
        with pytest.raises(Refused, match="stale-epoch"):
            await journey.task(desktop).append([said("too late")])


async def claimed_call(journey: Journey, grant: Grant) -> Any:
    proposed = await journey.task(grant).propose(CALL)
    return await journey.task(grant).step(proposed["call_id"], "claim", lease=30)


@pytest.mark.postgresql
@pytest.mark.redis
async def test_r46_an_outage_of_the_storage_backend_is_told_and_loses_nothing(
    tmp_path: Path, own_postgresql: PostgreSQLServer, own_redis: RedisServer
) -> None:
    with running_deployment(tmp_path, database=own_postgresql.create_database(), redis=own_redis.url) as deployment:
        async with open_journey(deployment.site, deployment.person) as journey:
            grant = await journey.begin()
            task = journey.task(grant)
            await task.append([said("before")], key="before")
            for stop, start in ((own_postgresql.stop, own_postgresql.start), (own_redis.stop, own_redis.start)):
                stop()
                with pytest.raises(Refused, match="503"):
                    await task.append([said("meanwhile")], key=f"meanwhile {stop.__qualname__}".replace(" ", "-"))
                start()
                await task.append([said("meanwhile")], key=f"meanwhile {stop.__qualname__}".replace(" ", "-"))
            assert texts(await task.events()) == ["before", "meanwhile", "meanwhile"]
            assert (await journey.hand_over(grant)).task_id == grant.task_id
