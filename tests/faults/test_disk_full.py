"""The disk is full under SQLite: writes are refused clearly, reads go on, and once there is room nothing is missing.

The full form has a limit on files too, which fails in another way.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from deployment import SEGUE, Deployment, running_deployment
from journey import Journey, open_journey, said, texts
from rounds import FULL
from segue_client import pull_transfer
from segue_client.device import Refused
from segue_client.grant import Grant
from small_disk import Disk, Limited, mounted

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R19", "R24", "T8", "E5")]

REFUSED = 5
"""Refusals until it is believed that nothing can be written: a log of SQLite's has some room left."""
PATIENCE = 200
"""Events that may be written until then."""

Placed = tuple[Deployment, Disk]


@pytest.fixture(params=["no space", *(["a limit"] if FULL else [])])
def placed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Placed]:
    """Both servers with everything that they keep, their logs too, on the disk."""
    real = request.param == "no space"
    with mounted(tmp_path) if real else nullcontext() as disk, running_deployment(tmp_path) as running:
        yield running, disk or Limited(running.processes())


async def append(journey: Journey, grant: Grant, text: str) -> bool:
    """Whether it was acknowledged; otherwise it was refused in words."""
    path, content = f"/tasks/{grant.task_id}/events", {"events": [said(text)]}
    answer = await journey.at_store(grant, "POST", path, json=content, headers={"Idempotency-Key": text})
    if answer.status_code == 201:
        return True
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert answer.json()["type"] in ("urn:segue:problem:unavailable", "urn:segue:problem:in-doubt")
    assert int(answer.headers["retry-after"]) > 0
    return False


async def append_until_full(journey: Journey, grant: Grant) -> tuple[list[str], list[str]]:
    """What was acknowledged, and what was refused."""
    heard: dict[bool, list[str]] = {True: [], False: []}
    for number in range(PATIENCE):
        text = f"on-a-full-disk-{number}"
        heard[await append(journey, grant, text)].append(text)
        if len(heard[False]) == REFUSED:
            return heard[True], heard[False]
    raise AssertionError("the disk is not full")


async def check_refused(journey: Journey, grant: Grant) -> None:
    """The authorization server gives nothing that it cannot keep, and says that it is for now (RFC 6749 s. 5.2)."""
    with pytest.raises(Refused) as refused:
        await grant.refresh(journey.site.store)
    assert (refused.value.status, refused.value.error) == (503, "temporarily_unavailable")
    with pytest.raises(Refused) as refused:
        await pull_transfer.ask(journey.phone(), actions=["events:read"], device_name="Phone")
    assert (refused.value.status, refused.value.error) == (503, "temporarily_unavailable")


async def check_reads(journey: Journey, grant: Grant, acknowledged: list[str]) -> None:
    events = await journey.task(grant).events()
    assert texts(events) == acknowledged
    for path in ("/.well-known/oauth-authorization-server", "/jwks", "/healthz", "/devices"):
        assert (await journey.pages.get(f"{journey.site.issuer}{path}")).status_code == 200, path


async def test_a_full_disk_loses_and_doubles_nothing_and_heals(placed: Placed) -> None:
    deployment, disk = placed
    async with open_journey(deployment.site, deployment.person) as journey:
        grant = await journey.begin()
        assert await append(journey, grant, "before")
        assert len(await journey.task(grant).events()) == 2
        disk.fill()
        acknowledged, refused = await append_until_full(journey, grant)
        await check_refused(journey, grant)
        await check_reads(journey, grant, ["before", *acknowledged])
        disk.free()
        for text in refused:
            assert await append(journey, grant, text)
        await grant.refresh(journey.site.store)
        phone = await journey.hand_over(grant)
        events = await journey.task(phone).events()
        assert texts(events) == ["before", *acknowledged, *refused]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    await asyncio.to_thread(verify, deployment)


def verify(deployment: Deployment) -> None:
    """As the operator does."""
    command = [SEGUE, "tasks", "verify"]
    verified = subprocess.run(command, env=deployment.environment(), capture_output=True, check=False)
    assert verified.returncode == 0, verified.stderr
