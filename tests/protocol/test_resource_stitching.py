"""Stitching: the authorization server asks which open task a new session may continue, and tells what was chosen."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from resource_world import NAME, OWNER, START, TASK, StoreWorld, event, item
from segue_resource.stores import tables
from segue_resource.tasks_command import tasks

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


async def match(store: StoreWorld, about: str, *, sub: str = OWNER) -> list[dict[str, Any]]:
    answer = await store.cards("POST", "/match", token=store.service_token(sub), json={"about": about})
    assert answer.status_code == 200, answer.text
    cards: list[dict[str, Any]] = answer.json()["cards"]
    return cards


def likely(cards: list[dict[str, Any]]) -> list[str]:
    return [one["card"]["task_id"] for one in cards if one["match"] and one["match"]["likely"]]


@pytest.mark.requirement("R8", "R30")
async def test_a_session_about_an_open_task_is_told_apart_by_all_that_the_task_holds(store: StoreWorld) -> None:
    await store.begin("tsk_trip", name="Trip to Lisbon")
    device = store.device()
    await device.put("q", item("Does Norvik accept a cap of 3 %?", type="question", status="open"))
    await device.put("doc", item("lease_v3.docx", type="document", body="Indexation of the rent"))
    await device.post("/events", {"events": [event("The landlord wants yearly steps", role="customer")]})
    await store.later(1200)
    for about in ("lease_v3.docx", "What did Norvik say about the cap?", "yearly steps for the landlord"):
        cards = await match(store, about)
        assert likely(cards) == [TASK], about
        assert len(cards) == 2
    found = next(one["match"] for one in await match(store, "lease_v3.docx") if one["card"]["task_id"] == TASK)
    assert found["reason"] == "it names lease_v3.docx too, it was active 20 minutes ago"
    assert 0.75 <= found["score"] <= 1


@pytest.mark.requirement("R30")
async def test_a_session_about_something_else_is_likely_none_of_them(store: StoreWorld) -> None:
    for about in ("What is the capital of Mongolia?", "hello", "\u202e<script>alert(1)</script>", "7", "京都"):
        cards = await match(store, about)
        assert likely(cards) == []
        assert [one["card"]["name"] for one in cards] == [NAME]


@pytest.mark.requirement("R8", "R31")
async def test_only_the_persons_own_open_tasks_are_compared(store: StoreWorld) -> None:
    await store.begin("tsk_foreign", name="Zeppelin museum guide", sub="usr_stranger")
    await store.begin("tsk_closed", name="Zeppelin ticket refund")
    closed = store.device(task_id="tsk_closed")
    assert (await closed.post("/status", {"to": "closed"})).status_code == 200
    cards = await match(store, "Zeppelin museum guide")
    assert [one["card"]["task_id"] for one in cards] == [TASK]
    assert await match(store, "anything", sub="usr_nobody") == []


@pytest.mark.requirement("R8")
async def test_what_is_not_of_the_documented_form_is_refused(store: StoreWorld) -> None:
    for wrong in ({}, {"about": ""}, {"about": "x" * 2001}, {"about": 7}, {"about": "x", "sub": "usr_stranger"}):
        assert (await store.cards("POST", "/match", json=wrong)).status_code == 400
    good = choice("trf_1")
    for change in ({"session": ""}, {"offered": ["x"]}, {"likely": [TASK] * 101}, {"chosen": None}, {"new": "no"}):
        assert (await store.cards("POST", "/choices", json=good | change)).status_code == 400


@pytest.mark.requirement("R8", "R37")
async def test_a_task_token_asks_for_no_candidates(store: StoreWorld) -> None:
    for path in ("/match", "/choices"):
        answer = await store.cards("POST", path, token=store.device().token, json={"about": NAME})
        assert answer.status_code == 401
        assert NAME not in answer.text


@pytest.mark.requirement("R8", "R31")
async def test_an_item_that_was_changed_behind_the_stores_back_is_left_out_and_stops_nothing(store: StoreWorld) -> None:
    await store.device().put("doc", item("Zeppelin museum guide"))
    await store.begin("tsk_other", name="Zeppelin ticket refund")
    spoilt = sa.update(tables.working_set_versions).values(sealed=b"\x01" + b"x" * 40)
    await store.database.write(lambda connection: connection.execute(spoilt) and None)
    cards = await match(store, "the ticket refund for the Zeppelin")
    assert likely(cards) == ["tsk_other"]


def choice(session: str, **members: Any) -> dict[str, Any]:
    return {"session": session, "offered": [TASK], "likely": [TASK], "chosen": TASK, "new": False} | members


async def note(store: StoreWorld, **members: Any) -> httpx2.Response:
    return await store.cards("POST", "/choices", json=choice("trf_1", **members))


async def noted(store: StoreWorld) -> list[dict[str, Any]]:
    asked = sa.select(tables.stitchings)
    rows = await store.database.read(lambda connection: connection.execute(asked).mappings().all())
    return [dict(row) for row in rows]


@pytest.mark.requirement("R8", "T22")
async def test_a_choice_is_kept_once_and_as_ids_alone(store: StoreWorld) -> None:
    assert (await note(store)).json() == {"noted": True}
    assert (await note(store, new=True)).json() == {"noted": False}
    assert await noted(store) == [choice("trf_1") | {"sub": OWNER, "at": store.now}]


@pytest.mark.requirement("R8", "A5")
async def test_a_choice_among_tasks_of_others_is_not_kept(store: StoreWorld) -> None:
    await store.begin("tsk_foreign", sub="usr_stranger")
    assert (await note(store, chosen="tsk_foreign")).json() == {"noted": False}
    assert (await note(store, offered=["tsk_foreign", TASK], likely=["tsk_foreign"])).json() == {"noted": True}
    (kept,) = await noted(store)
    assert (kept["offered"], kept["likely"]) == ([TASK], [])


@pytest.fixture
def stitches(
    store: StoreWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs `segue tasks stitches`; what it prints."""
    (tmp_path / "nonce").write_bytes(b"n" * 32)
    monkeypatch.setenv("SEGUE_RESOURCE_DATABASE", store.settings.database)
    monkeypatch.setenv("SEGUE_RESOURCE_KEY_FILE", str(store.settings.key_file))
    monkeypatch.setenv("SEGUE_RESOURCE_REDIS", "redis://127.0.0.1:1" if store.database.dialect == "postgresql" else "")
    monkeypatch.setenv("SEGUE_RESOURCE_NONCE_SECRET_FILE", str(tmp_path / "nonce"))
    monkeypatch.setenv("SEGUE_RESOURCE_BLOBS", f"file://{tmp_path}/blobs")

    def ran(*arguments: str, since: int = START, until: int = START + 1000) -> str:
        assert tasks(["stitches", "--since", str(since), "--until", str(until), *arguments]) == 0
        return capsys.readouterr().out

    return ran


@pytest.mark.requirement("R8", "T22")
async def test_an_operator_sees_which_sessions_were_stitched_and_which_should_have_been(
    store: StoreWorld, stitches: Callable[..., str]
) -> None:
    await store.device().put("doc", item("lease_v3.docx", type="document", body="Indexation of the rent"))
    await store.later(60)
    await store.begin("tsk_missed", name="Secret name")
    await store.begin("tsk_other", name="Secret other")
    missed, other = store.device(task_id="tsk_missed"), store.device(task_id="tsk_other")
    await missed.post("/events", {"events": [event("Look at lease_v3.docx again", role="customer")]})
    await other.post("/events", {"events": [event("Plan a birthday party", role="customer")]})
    for session, members in {
        "trf_1": {},
        "trf_2": {"new": True, "chosen": "tsk_missed", "likely": []},
        "trf_3": {"new": True, "chosen": "tsk_other", "likely": [TASK]},
    }.items():
        await store.cards("POST", "/choices", json=choice(session, **members))
    assert json.loads(stitches("--json")) == {
        "sessions": 3,
        "stitched": 1,
        "told": 2,
        "followed": 1,
        "missed": [{"task_id": "tsk_missed", "continues": TASK}],
    }
    printed = stitches()
    assert "tsk_missed goes on with" in printed
    assert "Secret" not in printed
    assert json.loads(stitches("--json", since=START + 61))["sessions"] == 0
