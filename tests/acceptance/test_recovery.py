"""What is stored and no longer what was written: found, told, and gone back from to the last good point."""

import asyncio
import io
import json
import os
import sqlite3
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from deployment import Deployment, running_deployment
from journey import item, open_journey, said, texts
from segue_resource import tasks_command

pytestmark = pytest.mark.anyio


async def test_r45_a_damaged_task_goes_back_to_its_last_good_point_and_goes_on(tmp_path: Path) -> None:
    with running_deployment(tmp_path) as deployment:
        async with open_journey(deployment.site, deployment.person) as journey:
            grant, other = await journey.begin("Contract"), await journey.begin("Another")
            task = journey.task(grant)
            for turn in range(4):
                await task.append([said(f"turn {turn}")])
            await task.create_item("cap", item("decision", "Liability is capped"))
            await journey.task(other).append([said("elsewhere")])
            whole = await task.events()
            lost = next(event["seq"] for event in whole if event["body"].get("text") == "turn 2")

            damage(deployment, "UPDATE events SET sealed = zeroblob(80) WHERE task_id = ? AND seq = ?", grant, lost)
            damage(deployment, "UPDATE task_heads SET status = 'archived' WHERE task_id = ?", grant)
            damage(deployment, "DELETE FROM working_set_items WHERE task_id = ?", grant)

            status, found = await verify(deployment)
            assert status == 1
            assert {(fault["task_id"], fault["table"]) for fault in found["faults"]} == {
                *((grant.task_id, table) for table in ("events", "task_heads", "working_set_items"))
            }
            met = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/events?after={lost - 1}")
            assert (met.status_code, met.json()["type"]) == (500, "urn:segue:problem:damaged")
            assert texts(await journey.task(other).events()) == ["elsewhere"]

            quarantine = tmp_path / "quarantine.jsonl"
            status, repaired = await verify(deployment, "--repair", "--quarantine", str(quarantine))
            assert (status, repaired["left"]) == (3, [])
            assert [json.loads(line)["origin"] for line in quarantine.read_text().splitlines()].count("events") == 1

            events = await task.events()
            assert texts(events) == ["turn 0", "turn 1", "turn 3"]
            assert [event["seq"] for event in events if event.get("damaged")] == [lost]
            assert events[len(whole)]["kind"] == "log.repaired"
            view = await task.resume()
            assert view["task"]["status"] == "open"
            assert [kept["title"] for kept in view["working_set"]] == ["Liability is capped"]
            await task.append([said("and on")])
            assert texts(await task.events())[-1] == "and on"
            assert (await verify(deployment))[0] == 0


async def verify(deployment: Deployment, *options: str) -> tuple[int, Any]:
    """What an operator types while the servers run: the exit status, and what it prints."""

    def run() -> tuple[int, Any]:
        printed = io.StringIO()
        with patch.dict(os.environ, deployment.environment()), redirect_stdout(printed):
            status = tasks_command.tasks(["verify", "--json", *options])
        return status, json.loads(printed.getvalue())

    return await asyncio.to_thread(run)


def damage(deployment: Deployment, statement: str, grant: Any, *values: Any) -> None:
    """Bit rot, or somebody at the database."""
    with sqlite3.connect(deployment.resource_database.removeprefix("sqlite:///")) as connection:
        connection.execute(statement, (grant.task_id, *values))
    connection.close()
