"""kill -9 of either server at any step of a transfer: what was acknowledged is there, and the transfer goes on.

A round is one whole transfer. At each step the victim dies: once it has acknowledged the step, or while the step is
under way, or when its answer has been given and never arrived. It starts again on the same state, and the step is
repeated, as a device would that heard nothing.
`SEGUE_TEST_ROUNDS` asks for that many further rounds, in which seeded dice choose victims and moments; the full form is
20 on each of the two storage sets, 640 kills.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from deployment import Deployment, running_deployment
from journey import CALL, Journey, open_journey, texts
from killed_journey import AUTHZ, RESOURCE, RESULT, Kill, KilledJourney, Step, survive
from rounds import rounds
from segue_authz.stores.tables import grants, transfers
from segue_client.device import Refused
from segue_demo.agent_backend import create_app
from segue_demo.servers import listen, serving
from segue_resource.stores.tables import tasks
from segue_storage.database import open_database

pytestmark = pytest.mark.anyio
Choose = Callable[[Step, Random], Kill]


def once_acknowledged(step: Step, _: Random) -> Kill:
    return Kill((step.server,))


def under_way(step: Step, dice: Random) -> Kill:
    return Kill((step.server,), dice.uniform(0, step.span))


def unheard(step: Step, _: Random) -> Kill:
    return Kill((step.server,), unheard=True)


def anyhow(step: Step, dice: Random) -> Kill:
    victims = dice.choice([(AUTHZ,), (RESOURCE,), (AUTHZ, RESOURCE)])
    moment = dice.choice([None, 0.0, dice.uniform(0, step.span), dice.uniform(0, 2 * step.span)])
    return Kill(victims, moment, unheard=moment is None and dice.choice([True, False]))


def somehow(step: Step, dice: Random) -> Kill:
    return dice.choice([once_acknowledged, under_way, unheard])(step, dice)


EMBEDDED, SCALED = "embedded", "scaled"
PLANS = [(EMBEDDED, once_acknowledged, 0), (EMBEDDED, under_way, 1), (EMBEDDED, unheard, 2), (SCALED, somehow, 3)]
PLANS += [(kind, anyhow, seed) for seed in range(rounds(bounded=0, full=20)) for kind in (EMBEDDED, SCALED)]


def _plan(kind: str, choose: Choose, seed: int) -> Any:
    marks = [pytest.mark.postgresql, pytest.mark.redis] if kind == SCALED else []
    return pytest.param(kind, choose, seed, marks=marks, id=f"{kind}, {choose.__name__.replace('_', ' ')}, {seed}")


@pytest.fixture
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """SQLite files and memory, or PostgreSQL and Redis."""
    database, redis = None, None
    if request.param == SCALED:
        database = request.getfixturevalue("postgresql_server").create_database()
        redis = request.getfixturevalue("redis_url")
    with running_deployment(tmp_path, database=database, redis=redis) as running:
        yield running


@asynccontextmanager
async def killed_journey(deployment: Deployment, journey: Journey) -> AsyncIterator[KilledJourney]:
    """With the agent backend, which nobody kills: its ledger says what was executed."""
    site = deployment.site
    backend = create_app(issuer=site.issuer, audience=site.agent, ledger=deployment.folder / "jobs", job_seconds=1)

    async def start_job(key: str) -> None:
        holder = getattr(killed, "phone_grant", killed.grant)
        body = {"tool": CALL["tool"], "arguments": CALL["arguments"]}
        answer = await journey.at_agent(holder, "PUT", f"/jobs/{key}", json=body)
        assert answer.status_code == 200, answer.text

    killed = KilledJourney(journey, start_job=start_job)
    async with serving([backend], listen("127.0.0.1", [int(site.agent.rpartition(":")[2])])):
        yield killed


@pytest.mark.requirement("R19", "R24", "R38", "T8", "T9", "E5", "PROFILE-restart", "PROFILE-lost-answer")
@pytest.mark.parametrize(("deployment", "choose", "seed"), [_plan(*plan) for plan in PLANS], indirect=["deployment"])
async def test_a_killed_server_loses_nothing_that_it_acknowledged_and_the_transfer_goes_on(
    deployment: Deployment, choose: Choose, seed: int
) -> None:
    dice = Random(seed)
    async with (
        open_journey(deployment.site, deployment.person) as journey,
        killed_journey(deployment, journey) as killed,
    ):
        for step in killed.steps:
            kill = choose(step, dice)

            def die(victims: tuple[str, ...] = kill.victims) -> None:
                deployment.kill(*victims)
                deployment.start(*victims)

            await survive(step, kill, networks=journey.networks, die=die)
        await check_task(journey, killed)
        await check_outcome(deployment)


async def check_task(journey: Journey, killed: KilledJourney) -> None:
    """The log is whole, everything in it happened once, and the desktop comes too late."""
    with pytest.raises(Refused, match="stale-epoch"):
        await journey.task(killed.grant).step(
            killed.call["call_id"], "complete", fence=killed.call["fence"], result={"summary": "late"}
        )
    task = journey.task(killed.phone_grant)
    events = await task.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert texts(events) == ["opening"]
    happened = Counter(event["kind"] for event in events)
    once = ("task.created", "working_set.changed", "tool_call.proposed", "task.moved", "tool_call.succeeded")
    assert {kind: happened[kind] for kind in once} == dict.fromkeys(once, 1)
    assert (happened["tool_call.claimed"], happened["tool_call.started"]) == (2, 2)
    call = await task.tool_call(killed.call["call_id"])
    assert (call["state"], call["result"]) == ("succeeded", RESULT)
    assert killed.phone_grant.epoch == killed.grant.epoch + 1


async def check_outcome(deployment: Deployment) -> None:
    """One task, one execution, one grant for each device, one transfer that was redeemed."""
    jobs = [json.loads(line) for line in (deployment.folder / "jobs").read_text().splitlines()]
    assert len(jobs) == 1
    assert await rows(deployment.resource_database, sa.select(tasks.c.task_id)) == [(jobs[0]["key"].split("/")[0],)]
    held = await rows(deployment.authz_database, sa.select(grants.c.client_id, grants.c.revoked_at))
    assert sorted(held) == [("segue-demo-desktop", None), ("segue-demo-phone", None)]
    states = await rows(deployment.authz_database, sa.select(transfers.c.state))
    assert [state for (state,) in states if state != "Cancelled"] == ["Redeemed"]


async def rows(database_url: str, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """What the servers have written, read beside them."""
    database = open_database(database_url, threads=1)
    try:
        return await database.read(lambda connection: [tuple(row) for row in connection.execute(statement)])
    finally:
        await database.aclose()
