"""What is theirs: a person takes the whole record along, and is forgotten in every copy when they ask for it."""

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployment import SEGUE, Deployment
from journey import CALL, Journey, item, open_journey, said, texts
from postgresql_server import PostgreSQLServer
from redis_server import RedisServer

pytestmark = pytest.mark.anyio

WORD = "zebrafinch"


async def test_r32_who_is_erased_is_unreadable_in_every_copy_and_the_audit_still_verifies(
    deployment: Deployment, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with open_journey(deployment.site, deployment.person) as journey:
        grant = await journey.begin(f"Name {WORD}")
        task = journey.task(grant)
        await task.append([said(f"Message {WORD}", role="customer")])
        await task.create_item("item", item("document", f"Title {WORD}", body=f"Body {WORD}"))
        await task.propose({**CALL, "title": f"Call {WORD}", "arguments": {"of": WORD}})
        view = await task.resume()
        assert WORD in json.dumps(view)
        operate(deployment, "tasks", "keys", "--backup", str(tmp_path / "keys"))
        planned = operate(deployment, "tasks", "erase", "--sub", view["task"]["owner"], "--dry-run", "--json")
        assert json.loads(planned)["would_erase"] == [grant.task_id]
        erased = operate(deployment, "tasks", "erase", "--sub", view["task"]["owner"], "--json")
        assert [done["task_id"] for done in json.loads(erased)["erased"]] == [grant.task_id]
        operate(deployment, "tasks", "rekey", "--destroy-old")
        operate(deployment, "tasks", "keys", "--backup", str(tmp_path / "keys"))
        for path in ("", "/resume", "/events", "/working-set", "/tool-calls", "/audit"):
            answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}{path}")
            assert (answer.status_code, WORD in answer.text) == (200, False)
        for name, content in copies(deployment, tmp_path, request):
            assert WORD.encode() not in content, name
        operate(deployment, "audit", "verify")
        await task.append([said("and on it goes")])
        assert [found["body"].get("text") for found in await task.events()][-1] == "and on it goes"


def operate(deployment: Deployment, *words: str) -> str:
    """What an operator's command prints, which must succeed, while the servers run."""
    command = [str(SEGUE), *words]
    ended = subprocess.run(command, env=deployment.environment(), capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


def copies(deployment: Deployment, folder: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, bytes]]:
    """Every file there is: databases with their logs, key backups, the servers' logs, what Redis would save."""
    folders = [folder]
    if deployment.redis is not None:
        redis: RedisServer = request.getfixturevalue("redis_server")
        postgresql: PostgreSQLServer = request.getfixturevalue("postgresql_server")
        redis.ask("SAVE")
        folders += [redis._folder, postgresql._folder / "data"]
    for found in (path for each in folders for path in each.rglob("*") if path.is_file() and os.access(path, os.R_OK)):
        yield str(found), found.read_bytes()


async def test_r44_the_complete_record_is_one_archive_that_a_person_can_read(journey: Journey) -> None:
    grant = await journey.begin("Acme contract revision")
    task = journey.task(grant)
    await task.append([said("May we cap liability?", role="customer"), said("At the fees of a year.")])
    await task.create_item("cap", item("decision", "Liability is capped", body="Agreed with counsel."))
    proposed = await task.propose(CALL)
    held = await task.step(proposed["call_id"], "claim", lease=30)
    await task.step(held["call_id"], "start", fence=held["fence"], lease=30)
    await task.step(held["call_id"], "complete", fence=held["fence"], result={"clause": 7})
    answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/export")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        page = archive.read("index.html").decode()
        events = [json.loads(line) for line in archive.read("events.ndjson").splitlines()]
        calls: list[Any] = json.loads(archive.read("tool_calls.json"))
        audit = [json.loads(line) for line in archive.read("audit.ndjson").splitlines()]
    assert texts(events) == ["May we cap liability?", "At the fees of a year."]
    assert (calls[0]["state"], calls[0]["result"]) == ("succeeded", {"clause": 7})
    assert [entry["about"].get("state") for entry in audit][-1] == "export"
    for shown in ("Acme contract revision", "May we cap liability?", "Liability is capped", "succeeded"):
        assert shown in page
