"""What is kept for how long: by policy, per application and per tier, and at no cost while nobody is there."""

import asyncio
import io
import json
import os
from contextlib import redirect_stdout
from typing import Any
from unittest.mock import patch

import pytest
from deployment import Deployment
from journey import Journey, item, open_journey, said, texts
from segue_client import pull_transfer
from segue_client.device import Device
from segue_client.grant import Grant
from segue_demo.site import PHONE_ACTIONS
from segue_resource import tasks_command

pytestmark = pytest.mark.anyio

POLICY = """
[retention]
debug_window = "{window}"
notice = "1s"

[retention.classes.scratch]
pause_after = "1s"
close_after = "2s"
archive_after = "1s"
keep_messages = "1s"

[retention.clients]
{client} = "scratch"
"""


def adopt(deployment: Deployment, *, client: str, window: str = "1s") -> None:
    """An operator's policy, which is in force from the next start."""
    file = deployment.folder / "retention.toml"
    file.write_text(POLICY.format(client=client, window=window))
    deployment.more["SEGUE_RESOURCE_RETENTION"] = str(file)
    deployment.kill("resource")
    deployment.start("resource")


async def tasks(deployment: Deployment, *words: str) -> Any:
    """What `segue tasks` prints for programs, beside the running servers."""

    def run() -> str:
        said = io.StringIO()
        with patch.dict(os.environ, deployment.environment()), redirect_stdout(said):
            assert tasks_command.tasks([*words, "--json"]) == 0
        return said.getvalue()

    told = await asyncio.to_thread(run)
    return json.loads(told) if told.strip() else None


async def retained(deployment: Deployment) -> set[tuple[str, str, str | None]]:
    return {(row["class"], row["act"], row["tier"]) for row in await tasks(deployment, "retain")}


async def retained_until(deployment: Deployment, *expected: tuple[str, str, str | None]) -> None:
    """Carry the policy out until all of that was done."""
    missing = set(expected)
    for _ in range(40):
        missing -= await retained(deployment)
        if not missing:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"not done: {missing}")


async def test_r27_each_tier_has_its_time_and_none_goes_while_an_incident_is_looked_into(
    deployment: Deployment,
) -> None:
    adopt(deployment, client=deployment.site.desktop_client_id)
    async with open_journey(deployment.site, deployment.person) as journey:
        grant = await journey.begin()
        task = journey.task(grant)
        await task.append([said("what was said")])
        await task.create_item("cap", item("decision", "Liability is capped", status="settled"))
        held = await tasks(deployment, "hold", grant.task_id, "--reason", "looking into an outage")
        await close(journey, grant)
        await asyncio.sleep(4)
        assert await retained(deployment) == set()
        assert texts(await task.events()) == ["what was said"]
        foretold = await tasks(deployment, "retain", "--dry-run")
        assert [(row["act"], row["due"]) for row in foretold] == [("held", 1)]
        await tasks(deployment, "hold", grant.task_id, "--release", held["hold_id"])
        await retained_until(deployment, ("scratch", "drop", "messages"))
        events = await task.events()
        assert [(event["kind"], event["body"]) for event in events if event.get("expired")] == [("message", {})]
        assert [event["body"]["tier"] for event in events if event["kind"] == "log.expired"] == ["messages"]
        view = await task.resume()
        assert [kept["title"] for kept in view["working_set"]] == ["Liability is capped"]
        assert view["expiry"]["erases_at"] is not None
        audit = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/audit")
        kinds = [entry["kind"] for entry in audit.json()["entries"]]
        assert [kind for kind in kinds if kind.startswith(("hold.", "log."))] == [
            *("hold.placed", "hold.released", "log.expired")
        ]


async def test_r33_a_task_ends_by_inactivity_as_its_application_has_it(deployment: Deployment) -> None:
    adopt(deployment, client=deployment.site.desktop_client_id)
    async with open_journey(deployment.site, deployment.person) as journey:
        scratch = await journey.begin("Notes of the day")
        kept = await begin_on(journey, journey.phone(), "A contract")
        view = await journey.task(scratch).resume()
        assert view["expiry"]["closes_at"] == view["events"][-1]["at"] + 2
        await retained_until(
            deployment, ("scratch", "pause", None), ("scratch", "close", None), ("scratch", "archive", None)
        )
        task = (await journey.task(scratch).resume())["task"]
        assert task["status"] == "archived"
        told = [event for event in await journey.task(scratch).events() if event["kind"] == "task.status_changed"]
        assert [event["body"]["to"] for event in told] == ["paused", "closed", "archived"]
        assert {event["actor"]["sub"] for event in told} == {"segue:store"}
        other = await journey.task(kept).resume()
        assert other["task"]["status"] == "open"
        assert other["expiry"]["closes_at"] == other["task"]["created_at"] + 180 * 86_400


async def test_r47_an_idle_task_costs_no_more_to_wake_however_long_it_is(journey: Journey) -> None:
    """What it costs while nobody wakes it is measured in tests/stores/test_resource_idle.py."""
    grant = await journey.begin("A task that waits")
    task = journey.task(grant)
    await task.create_item("cap", item("decision", "Liability is capped", status="settled"))
    shown = []
    for _ in range(2):
        for _ in range(2):
            await task.append([said("a long conversation " * 20)] * 100)
        answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/resume")
        shown.append(len(answer.content))
        view = answer.json()
        assert (len(view["events"]), len(view["working_set"])) == (50, 1)
        assert view["expiry"]["closes_at"] == view["events"][-1]["at"] + 180 * 86_400
    assert shown[1] <= shown[0] + 100
    assert (await task.append([said("where were we")]))["first"] == view["cursor"] + 1


async def close(journey: Journey, grant: Grant) -> None:
    answer = await journey.at_store(grant, "POST", f"/tasks/{grant.task_id}/status", json={"to": "closed"})
    assert answer.status_code == 200, answer.text


async def begin_on(journey: Journey, device: Device, name: str) -> Grant:
    """A new task that another application asks for, by a code that the person enters."""
    asked = await pull_transfer.ask(device, actions=sorted(PHONE_ACTIONS), device_name="Phone", name=name)
    waiting = pull_transfer.waiting(device, asked)
    page = await journey.browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    check_value = await waiting.check_value()
    await journey.browser.approve(page, task="new", name=name, mode="share", check_value=check_value)
    return await waiting.grant()
