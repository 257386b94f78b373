"""A task's name over HTTP: agents propose, the person decides, and nothing overwrites the person's word."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from participating import join
from resource_world import NAME, Device, StoreWorld
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T1", "R2")]


async def propose(device: Device, name: str) -> dict[str, Any]:
    answer = await device.post("/name-proposals", {"name": name})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def rename(device: Device, name: str, version: int) -> Any:
    return await device.send("PATCH", "", json={"name": name}, headers={"If-Match": f'"{version}"'})


async def named(device: Device) -> tuple[Any, ...]:
    """Name, whose it is, and the name that is proposed; the resume says the same."""
    task = await device.read()
    assert (await device.read("/resume"))["task"] == task
    proposed = task["name_proposal"] and task["name_proposal"]["name"]
    return task["name"], task["name_source"], proposed


async def test_an_agent_proposes_and_the_person_accepts(store: StoreWorld) -> None:
    agent, person = await join(store, "agent"), store.device()
    proposal = await propose(agent, "Acme, clauses 7 and 8")
    assert proposal == {
        "seq": 4,
        "name": "Acme, clauses 7 and 8",
        "at": store.now,
        "actor": {"sub": "usr_other", "client_id": "test-client", "device_id": agent.device_id},
    }
    assert (await person.read())["name_proposal"] == proposal
    assert await named(person) == (NAME, "agent_proposed", "Acme, clauses 7 and 8")
    accepted = await rename(person, "Acme, clauses 7 and 8", 1)
    assert (accepted.status_code, accepted.json()["name_source"]) == (200, "agent_accepted")
    assert await named(person) == ("Acme, clauses 7 and 8", "agent_accepted", None)
    assert [(found["kind"], found["body"]) for found in (await person.log())[3:]] == [
        ("task.name_proposed", {"name": "Acme, clauses 7 and 8"}),
        ("task.renamed", {"name": "Acme, clauses 7 and 8", "name_source": "agent_accepted", "proposal_seq": 4}),
    ]


async def test_the_name_a_task_began_with_is_accepted_by_saying_it(store: StoreWorld) -> None:
    person = store.device()
    assert (await rename(person, NAME, 1)).json()["name_source"] == "agent_accepted"
    assert (await rename(person, NAME, 2)).json()["name_source"] == "agent_accepted"
    assert (await rename(person, "Mine", 3)).json()["name_source"] == "person"
    assert (await rename(person, "Mine", 4)).json()["name_source"] == "person"


async def test_a_proposal_never_overwrites_the_persons_word(store: StoreWorld) -> None:
    agent, person = await join(store, "agent"), store.device()
    await rename(person, "My own name", 1)
    await propose(agent, "A better name")
    assert await named(person) == ("My own name", "person", "A better name")
    assert (await rename(agent, "A better name", 2)).json()["type"] == "urn:segue:problem:not-your-role"
    await rename(person, "My next name", 2)
    assert await named(person) == ("My next name", "person", None)


async def test_a_newer_proposal_takes_the_place_of_the_older(store: StoreWorld) -> None:
    device = store.device()
    first = await propose(device, "First")
    await propose(device, "Second")
    assert (await named(device))[2] == "Second"
    assert (await device.send("DELETE", f"/name-proposals/{first['seq']}")).status_code == 404
    assert (await rename(device, "First", 1)).json()["name_source"] == "person"


async def test_the_person_declines(store: StoreWorld) -> None:
    agent, person = await join(store, "agent"), store.device()
    seq = (await propose(agent, "Not this"))["seq"]
    address = f"/name-proposals/{seq}"
    assert (await agent.send("DELETE", address)).json()["type"] == "urn:segue:problem:not-your-role"
    answers = await asyncio.gather(*(person.send("DELETE", address) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404]
    assert await named(person) == (NAME, "agent_proposed", None)
    assert [found["body"] for found in await person.log() if found["kind"] == "task.name_declined"] == [
        {"proposal_seq": seq}
    ]
    for missing in ("0", "x", "1", "9" * 16):
        assert (await person.send("DELETE", f"/name-proposals/{missing}")).status_code == 404


async def test_who_watches_proposes_nothing_and_nobody_proposes_a_name_that_deceives(store: StoreWorld) -> None:
    watcher, device = await join(store, "supervisor"), store.device()
    assert (await watcher.post("/name-proposals", {"name": "x"})).status_code == 403
    for name in ("", "a\nb", "x" * 201, "a\u202eb", 7):
        assert (await device.post("/name-proposals", {"name": name})).status_code == 400
    await device.post("/status", {"to": "paused"})
    assert (await device.post("/name-proposals", {"name": "x"})).status_code == 423
    assert (await rename(device, "The person may", 1)).status_code == 200


@pytest.mark.requirement("T18")
async def test_a_proposal_goes_with_the_key_of_who_made_it(store: StoreWorld) -> None:
    await propose(await join(store, "agent"), "Theirs")
    destroy = sa.update(tables.data_keys).where(tables.data_keys.c.sub == "usr_other").values(wrapped=None)
    await store.database.write(lambda connection: connection.execute(destroy).rowcount)
    assert await named(store.device()) == (NAME, "agent_proposed", None)
