"""What an operator bills by, and the share of conversations that went on with a task (T21, T22)."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from resource_world import OWNER, START, TASK, Device, StoreWorld
from segue_resource.operating import usage as command
from segue_resource.stores.billing.usage_export import FINAL_AFTER
from segue_resource.tasks_command import tasks

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio
Tell = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def tell(
    store: StoreWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tell:
    """Runs the command; what it prints, a value for each line."""
    (tmp_path / "nonce").write_bytes(b"n" * 32)
    monkeypatch.setenv("SEGUE_RESOURCE_DATABASE", store.settings.database)
    monkeypatch.setenv("SEGUE_RESOURCE_KEY_FILE", str(store.settings.key_file))
    monkeypatch.setenv("SEGUE_RESOURCE_BLOBS", (tmp_path / "blobs").as_uri())
    monkeypatch.setenv("SEGUE_RESOURCE_REDIS", "redis://127.0.0.1:1" if store.database.dialect == "postgresql" else "")
    monkeypatch.setenv("SEGUE_RESOURCE_NONCE_SECRET_FILE", str(tmp_path / "nonce"))
    monkeypatch.setattr(command, "now", store.clock)

    def ran(what: str, *arguments: str, since: Any = START, until: Any = START + 100, form: str = "--json") -> Any:
        status = tasks([what, "--since", str(since), "--until", str(until), form, *arguments])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        if form == "--csv":
            return list(csv.DictReader(io.StringIO(printed.out)))
        return [json.loads(line) for line in printed.out.splitlines()]

    return ran


async def joined(device: Device) -> str:
    return str((await device.post("/sessions", {"name": "Secret name", "transport": "web"})).json()["session_id"])


async def use(device: Device, session_id: str, amount: int, **said: Any) -> None:
    answer = await device.post("/usage", {"session_id": session_id, "unit": "tokens", "amount": amount, **said})
    assert answer.status_code == 201, answer.text


@pytest.mark.requirement("T21")
async def test_the_bill_has_each_report_and_its_sums_and_says_the_same_later(store: StoreWorld, tell: Tell) -> None:
    desktop, phone = store.device(client_id="https://app.example"), store.device()
    first, second = await joined(desktop), await joined(phone)
    await use(desktop, first, 300, note="gpt-5.2")
    store.now += 10
    await use(phone, second, 50)
    await use(phone, second, 2, unit="cents")
    store.now = START + 100
    await use(desktop, first, 1000)  # late: of the next interval
    store.now += FINAL_AFTER + 1
    reports = tell("usage")
    assert [reports[0][name] for name in ("amount", "at", "session_id")] == [300, START, first]
    assert sorted(report["amount"] for report in reports) == [2, 50, 300]
    assert (reports[0]["sub"], reports[0]["task_id"], reports[0]["note"]) == (OWNER, TASK, "gpt-5.2")
    assert tell("usage", "--by", "task") == [
        {"task_id": TASK, "unit": "cents", "amount": 2, "reports": 1},
        {"task_id": TASK, "unit": "tokens", "amount": 350, "reports": 2},
    ]
    sums = {(row["session_id"], row["unit"]): row["amount"] for row in tell("usage", "--by", "session")}
    assert sums == {(first, "tokens"): 300, (second, "tokens"): 50, (second, "cents"): 2}
    days = tell("usage", "--by", "day", form="--csv")
    assert [(row["day"], row["unit"], row["amount"]) for row in days] == [
        ("2027-01-15", "cents", "2"),
        ("2027-01-15", "tokens", "350"),
    ]
    assert {row["amount"] for row in tell("usage", "--by", "person")} == {2, 350}
    clients = {row["client_id"]: row["amount"] for row in tell("usage", "--by", "client") if row["unit"] == "tokens"}
    assert (clients["https://app.example"], sum(clients.values())) == (300, 350)
    rest = tell("usage", since=START + 100, until=START + 101)
    assert [report["amount"] for report in rest] == [1000]
    assert "Secret name" not in json.dumps(reports)


@pytest.mark.requirement("T21")
async def test_an_interval_that_may_still_grow_is_told_only_to_who_says_so(
    store: StoreWorld, tell: Tell, capsys: pytest.CaptureFixture[str]
) -> None:
    device = store.device()
    await use(device, await joined(device), 5)
    until = START + 1
    store.now = until + FINAL_AFTER - 1
    assert tasks(["usage", "--since", "2027-01-15", "--until", str(until), "--json"]) == 2
    assert "final before 2027-01-15T08:00:00Z" in capsys.readouterr().err
    assert [row["amount"] for row in tell("usage", "--provisional", until=until)] == [5]
    store.now += 1
    assert [row["amount"] for row in tell("usage", since="2027-01-15T08:00:00Z", until=until)] == [5]
    with pytest.raises(SystemExit):
        tasks(["usage", "--since", "yesterday", "--until", "2027-01-15T08:00:00", "--json"])


@pytest.mark.requirement("T22")
async def test_the_first_conversation_of_a_task_begins_it_and_the_others_continue_it(
    store: StoreWorld, tell: Tell
) -> None:
    desktop = store.device()
    await joined(desktop)
    await joined(desktop)
    phone = desktop.after_move(2)
    await phone.read()
    await joined(desktop)  # reads along
    store.now += 100
    await joined(phone)
    await store.begin("tsk_other")
    other = store.device(task_id="tsk_other")
    await joined(other)
    assert (await other.post("/status", {"to": "closed", "reason": None})).status_code == 200
    await joined(other)  # looks at what is finished
    assert tell("conversations", until=START + 200) == [{"new_task": 2, "continued": 2, "share": 0.5}]
    assert tell("conversations", until=START + 100) == [{"new_task": 1, "continued": 1, "share": 0.5}]
    assert tell("conversations", since=START + 200) == [{"new_task": 0, "continued": 0, "share": None}]
