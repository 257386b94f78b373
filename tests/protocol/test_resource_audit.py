"""The record of who did what and to whom the task was shown: whole, and proof against whoever writes the database."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from participating import audit, handed_over, invite, join
from resource_world import OWNER, TASK, StoreWorld, item
from rounds import rounds
from segue_resource import audit_command
from segue_resource.domain.audit import AUDITED, about_event
from segue_resource.settings import Settings
from segue_resource.stores import tables
from segue_resource.stores.audit_verification import Checkpoint, Verified, verify
from segue_resource.stores.keys import master_key

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T17")]

_audit = tables.audit


async def eventful(store: StoreWorld) -> None:
    """A task in which everything happens that the audit keeps."""
    owner = store.device()
    human, agent = await join(store), await join(store, "agent", sub="usr_agent")
    session = (await owner.post("/sessions", {"name": "Desktop", "transport": "web"})).json()["session_id"]
    await owner.put("cap", item())
    call_id = await agent.propose("irreversible")
    handoff_id = await handed_over(store, "warm", agent, human)
    await human.step(call_id, "approve")
    await human.read("/resume")
    await human.read("/events")
    await human.post(f"/handoffs/{handoff_id}/return")
    made = await invite(owner, "supervisor")
    await owner.send("DELETE", f"/invitations/{made['invitation_id']}")
    await owner.post("/status", {"to": "active"})
    await owner.send("DELETE", f"/sessions/{session}")
    await owner.send("DELETE", "/participants/usr_other")
    await owner.after_move(2).read("/resume")


async def verified(store: StoreWorld, *known: Checkpoint) -> Verified:
    master = master_key.load(store.settings.key_file)
    return await store.database.read(lambda connection: verify(connection, master=master, known=known))


@pytest.mark.requirement("R58")
async def test_every_transition_and_every_release_of_state_is_on_record_with_time_and_identity(
    store: StoreWorld,
) -> None:
    await eventful(store)
    owner = store.device(epoch=2)
    await audit(owner)
    entries = await audit(owner)
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))
    kinds = [entry["kind"] for entry in entries]
    for kind in ("task.created", "participant.joined", "session.joined", "tool_call.approved", "handoff.accepted"):
        assert kind in kinds
    for kind in ("handoff.returned", "invitation.withdrawn", "task.status_changed", "session.left", "task.moved"):
        assert kind in kinds
    log = await owner.log()
    told = [(found["kind"], found["seq"], found["actor"]["sub"]) for found in log if found["kind"] in AUDITED]
    assert [(entry["kind"], entry["seq"], entry["sub"]) for entry in entries if entry["kind"] in AUDITED] == told
    seen = {(entry["sub"], entry["about"]["state"]) for entry in entries if entry["kind"] == "state.released"}
    assert {("usr_other", "resume"), ("usr_other", "events"), (OWNER, "resume"), (OWNER, "audit")} <= seen
    assert all(entry["at"] == store.now for entry in entries)
    assert "Acme" not in json.dumps(entries)
    assert "Liability" not in json.dumps(entries)
    assert (await verified(store)).faults == []


async def test_an_entry_says_nothing_that_people_wrote() -> None:
    body = {"from": "open", "to": "paused", "reason": "my private reason"}
    assert about_event("task.status_changed", body) == {"from": "open", "to": "paused"}
    assert about_event("task.renamed", {"name": "private"}) is None


async def test_only_what_was_given_to_read_counts_as_released(store: StoreWorld) -> None:
    device = store.device()
    await device.say("written, and nothing read")
    await device.read("/tool-calls")
    entries = await audit(store.device())
    assert [entry["about"]["state"] for entry in entries if entry["kind"] == "state.released"] == ["tool_calls"]


@pytest.mark.requirement("R58")
async def test_state_is_released_only_once_it_is_on_record_and_recorded_once_for_each_token(
    store: StoreWorld,
) -> None:
    owner = store.device()
    await asyncio.gather(*(owner.read(path) for path in ("/resume", "/resume", "/working-set", "/working-set") * 3))
    await store.restart()
    await owner.read("/resume")
    owner.refresh()
    await owner.read("/resume")
    found = [entry["about"] for entry in await audit(owner) if entry["kind"] == "state.released"]
    assert [about["state"] for about in found].count("resume") == 2
    assert [about["state"] for about in found].count("working_set") == 1
    assert len({about["token"] for about in found}) == 2
    assert owner.token not in json.dumps(found)


async def test_a_stream_is_on_record_before_its_first_word(store: StoreWorld) -> None:
    watching = await join(store, "supervisor")
    async with watching.follow() as stream:
        assert (await stream.start())[0] == 200
        entries = await audit(store.device())
        assert ("usr_other", "events") in [(entry["sub"], entry["about"].get("state")) for entry in entries]


async def test_no_answer_goes_out_when_it_cannot_be_recorded(store: StoreWorld, monkeypatch: Any) -> None:
    device = store.device()

    async def refused(_: Any, **__: Any) -> None:
        raise sa.exc.OperationalError("", None, Exception("the disk is full"))

    monkeypatch.setattr(store.database, "write", refused)
    answer = await device.get("/working-set")
    assert answer.status_code == 500
    assert "items" not in answer.text


async def test_who_may_not_read_the_audit_is_refused(store: StoreWorld) -> None:
    assert (await (await join(store, "human_agent")).get("/audit")).status_code == 403
    watching = await join(store, "supervisor", sub="usr_watching")
    assert (await watching.read("/audit"))["entries"][0]["kind"] == "task.created"


def _changed(dice: Random, size: int) -> list[Any]:
    n, column = dice.randint(1, size), dice.choice(["at", "kind", "seq", "sub", "role", "device_id", "about", "link"])
    values: dict[str, Any] = {"at": 1, "seq": 10**6, "link": dice.randbytes(32)}
    value = values.get(column, "another")
    return [sa.update(_audit).where(_audit.c.n == n).values({column: value})]


def _dropped(dice: Random, size: int) -> list[Any]:
    """In the middle; what the others are called makes no difference."""
    n = dice.randint(1, size - 1)
    closed = [sa.update(_audit).where(_audit.c.n == at).values(n=at - 1) for at in range(n + 1, size + 1)]
    return [sa.delete(_audit).where(_audit.c.n == n), *(closed if dice.random() < 0.5 else [])]


def _swapped(dice: Random, size: int) -> list[Any]:
    one, other = dice.sample(range(1, size + 1), 2)
    swaps = [(one, 10**6), (other, one), (10**6, other)]
    return [sa.update(_audit).where(_audit.c.n == before).values(n=after) for before, after in swaps]


def _inserted(dice: Random, size: int) -> list[Any]:
    """A copy of an entry, with its own link, where another one was or behind the last."""
    columns = [sa.literal(size + 1) if column.name == "n" else column for column in _audit.c]
    source = sa.select(*columns).where(_audit.c.n == dice.randint(2, size), _audit.c.kind != "state.released")
    return [sa.insert(_audit).from_select([column.name for column in _audit.c], source)]


@pytest.mark.parametrize("mutation", [_changed, _dropped, _swapped, _inserted])
async def test_any_change_to_the_record_is_found(
    store: StoreWorld, mutation: Callable[[Random, int], list[Any]]
) -> None:
    await eventful(store)
    whole = await verified(store)
    assert whole.faults == []
    dice, size, tried = Random(17), whole.checkpoints[0].n, 0
    for _ in range(rounds(bounded=15, full=1000)):
        statements, found = mutation(dice, size), []

        def attack(connection: sa.Connection, statements: Any = statements, found: Any = found) -> None:
            before = connection.execute(sa.select(_audit).order_by(_audit.c.n)).all()
            for statement in statements:
                connection.execute(statement)
            touched = connection.execute(sa.select(_audit).order_by(_audit.c.n)).all() != before
            master = master_key.load(store.settings.key_file)
            found.extend([touched, verify(connection, master=master).faults])
            raise _Undone

        with pytest.raises(_Undone):
            await store.database.write(attack)
        if found[0]:
            tried += 1
            assert found[1], statements
            assert {fault.task_id for fault in found[1]} == {TASK}
    assert tried > rounds(bounded=15, full=1000) // 4
    assert (await verified(store)).faults == []


class _Undone(Exception):
    """Takes the attack back."""


async def test_an_end_that_was_cut_off_is_found_with_a_checkpoint(store: StoreWorld) -> None:
    await eventful(store)
    before = await verified(store)
    last = before.checkpoints[0]
    await store.database.write(lambda c: c.execute(sa.delete(_audit).where(_audit.c.n > last.n - 2)).rowcount)
    assert (await verified(store)).faults == []
    assert [fault.n for fault in (await verified(store, last)).faults] == [last.n]
    await store.database.write(lambda c: c.execute(sa.delete(_audit)).rowcount)
    assert [fault.n for fault in (await verified(store)).faults] == [1]
    assert [fault.n for fault in (await verified(store, last)).faults] == [last.n]


async def test_with_another_key_nobody_can_write_a_chain_that_verifies(store: StoreWorld) -> None:
    await eventful(store)
    other = master_key.MasterKey(bytes(32), master_key.load(store.settings.key_file).wrapper)
    found = await store.database.read(lambda connection: verify(connection, master=other))
    assert len(found.faults) == found.entries > 0


async def test_the_command_prints_checkpoints_and_its_status_tells_the_truth(
    store: StoreWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await eventful(store)
    settings: Settings = store.settings
    monkeypatch.setattr(audit_command, "from_process", lambda: settings)

    async def run(*words: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(audit_command.audit, ["verify", *words])
        return status, *capsys.readouterr()

    status, printed, told = await run()
    assert (status, "nothing wrong" in told) == (0, True), told
    task_id, n, _ = printed.split()
    assert task_id == TASK
    checkpoints = tmp_path / "checkpoints"
    checkpoints.write_text(printed)
    assert (await run("--checkpoint", str(checkpoints)))[0] == 0
    assert (await run("--task", "tsk_nothing"))[0] == 1
    await store.database.write(lambda c: c.execute(sa.delete(_audit).where(_audit.c.n == int(n))).rowcount)
    assert (await run())[0] == 0
    status, _, told = await run("--checkpoint", str(checkpoints))
    assert (status, f"{TASK}: entry {n} is missing" in told) == (1, True)
    status, printed, _ = await run("--checkpoint", str(checkpoints), "--json")
    assert json.loads(printed)["faults"][0]["n"] == int(n)
    await store.database.write(
        lambda c: c.execute(sa.update(_audit).where(_audit.c.n == 2).values(sub="usr_forged")).rowcount
    )
    status, _, told = await run("--task", TASK)
    assert (status, f"{TASK}: entry 2 is not what was written" in told) == (1, True)
    checkpoints.write_text("not one\n")
    status, printed, told = await run("--checkpoint", str(checkpoints))
    assert (status, printed, "line 1" in told) == (2, "", True)
    settings.key_file.write_text("nothing")
    assert (await run())[0] == 2
    with pytest.raises(SystemExit) as helped:
        audit_command.audit(["verify", "--help"])
    assert helped.value.code == 0
    assert "checkpoints of an earlier one" in capsys.readouterr().out
