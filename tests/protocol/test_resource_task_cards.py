"""Task cards: what the authorization server may ask, and that nobody else may."""

import json
import secrets
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from resource_world import NAME, OWNER, START, TASK, StoreWorld, digest_of, event, item
from segue import jose
from segue.authority import ACTIONS
from segue_resource.stores import tables
from segue_storage.ephemeral import MemoryUnavailable

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


@pytest.mark.requirement("T4", "R5", "R51")
async def test_the_persons_open_tasks_are_listed_newest_activity_first(store: StoreWorld) -> None:
    await store.later(10)
    await store.begin("tsk_second", name="Second")
    await store.begin("tsk_foreign", name="Foreign", sub="usr_stranger")
    assert [card["name"] for card in (await store.cards("GET")).json()["cards"]] == ["Second", NAME]
    await store.later(10)
    await store.device().say("active again")
    cards = (await store.cards("GET")).json()["cards"]
    assert cards[0] == {
        "task_id": TASK,
        "name": NAME,
        "state": "Nothing written down yet",
        "owner": OWNER,
        "sensitivity": "normal",
        "running_tool_calls": 0,
        "last_at": store.now,
        "closes_at": store.now + 180 * 86_400,
        "role": "customer",
        "actions": sorted(ACTIONS),
    }
    assert (await store.cards("GET", token=store.service_token("usr_nobody"))).json() == {"cards": []}


@pytest.mark.requirement("T4", "R5", "R30")
async def test_a_card_tells_in_one_line_where_the_task_stands_without_its_text(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("SECRET", type="document", status="open"))
    await device.put("law", item("SECRET", type="question", status="open"))
    await device.put("cap", item("SECRET"))
    await device.propose("irreversible")
    await device.running()
    card = (await store.cards("GET", f"/{TASK}")).json()
    assert card["state"].split(", ") == [
        *("1 tool call running", "1 tool call waiting for approval"),
        *("1 document in progress", "1 open question", "1 decision made"),
    ]
    assert card["running_tool_calls"] == 1
    assert (await store.cards("GET")).json() == {"cards": [card]}


@pytest.mark.requirement("T1", "A8")
async def test_a_task_is_made_once_and_making_it_again_is_harmless(store: StoreWorld) -> None:
    content = {"name": NAME, "name_source": "person"}
    again = await store.cards("PUT", f"/{TASK}", json=content)
    assert (again.status_code, again.json()["name"]) == (200, NAME)
    for token, name in ((store.service_token(), "Other name"), (store.service_token("usr_stranger"), NAME)):
        taken = await store.cards("PUT", f"/{TASK}", token=token, json={**content, "name": name})
        assert (taken.status_code, taken.json()["type"]) == (409, "urn:segue:problem:task-exists")
    (made,) = await store.device().log()
    assert (made["kind"], made["actor"]) == ("task.created", {"sub": OWNER, "client_id": None, "device_id": None})


@pytest.mark.requirement("T1", "A5")
async def test_the_card_of_a_foreign_task_and_of_a_missing_one_are_the_same_404(store: StoreWorld) -> None:
    await store.begin("tsk_foreign", sub="usr_stranger")
    answers = [await store.cards("GET", f"/{task_id}") for task_id in ("tsk_foreign", "tsk_missing", "x", "tsk_%00")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.requirement("T1")
async def test_a_task_of_another_shape_is_refused(store: StoreWorld) -> None:
    good = {"name": NAME, "name_source": "person"}
    for wrong in (
        {},
        {"name": NAME},
        {**good, "name_source": "thief"},
        {**good, "owner": "x"},
        {**good, "name": "a\nb"},
    ):
        assert (await store.cards("PUT", "/tsk_new", json=wrong)).status_code == 400
    assert (await store.cards("PUT", "/new", json=good)).status_code == 404
    assert len((await store.cards("GET")).json()["cards"]) == 1


@pytest.mark.requirement("A5", "R37")
async def test_a_service_token_is_good_for_one_request(store: StoreWorld) -> None:
    token = store.service_token()
    answers = [await store.cards("GET", token=token) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]
    await store.restart()
    after_restart = await store.cards("GET", token=token)
    assert after_restart.status_code == 401


@pytest.mark.requirement("A5", "R37")
async def test_a_service_token_that_is_not_exactly_right_is_refused(store: StoreWorld) -> None:
    other_key = ec.generate_private_key(ec.SECP256R1())
    claims = {"iss": "https://id.example", "aud": "https://tasks.example", "sub": OWNER, "exp": START + 30, "jti": "j"}
    header = {"typ": "segue-service+jwt", "kid": store.issuer.kid}
    wrong = {
        "typ": store.service_token(header={"typ": "at+jwt"}),
        "no typ": store.service_token(header={"typ": None}),
        "kid": store.service_token(header={"kid": "other"}),
        "iss": store.service_token(iss="https://evil.example"),
        "aud": store.service_token(aud="https://other.example"),
        "aud list": store.service_token(aud=["https://tasks.example"]),
        "expired": store.service_token(exp=store.now),
        "too long": store.service_token(exp=store.now + 36),
        "exp text": store.service_token(exp=str(store.now + 30)),
        "exp float": store.service_token(exp=store.now + 29.5),
        "exp true": store.service_token(exp=True),
        "no exp": store.service_token(exp=None),
        "no jti": store.service_token(jti=None),
        "no sub": store.service_token(sub=""),
        "other key": jose.sign(header, claims, other_key),
        "unsigned": store.service_token().rpartition(".")[0] + ".",
        "garbage": "x",
        "task token": store.device().token,
    }
    for why, token in wrong.items():
        answer = await store.cards("GET", token=token)
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json"), why
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"'), why
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"DPoP {store.service_token()}"}):
        assert (await store.http.get("/task-cards", headers=headers)).headers["WWW-Authenticate"] == "Bearer"
    twice = [("Authorization", f"Bearer {store.service_token()}")] * 2
    assert (await store.http.get("/task-cards", headers=twice)).status_code == 401


STRANGER = "usr_stranger"


def asking(*asked: tuple[str, str]) -> str:
    """As the client of these tests writes JSON."""
    content = {"asked": [{"sub": sub, "task_id": task_id} for sub, task_id in asked]}
    return json.dumps(content, separators=(",", ":"))


async def names(store: StoreWorld, body: str, **token: Any) -> httpx2.Response:
    signed = store.service_token(**{"sub": None, "asks": digest_of(body)} | token)
    return await store.cards("POST", "/names", token=signed, json=json.loads(body))


@pytest.mark.requirement("T4", "A5")
async def test_names_of_several_persons_tasks_are_told_at_once_and_to_none_anothers(store: StoreWorld) -> None:
    await store.begin("tsk_foreign", name="Foreign", sub=STRANGER)
    asked = [(OWNER, TASK), (STRANGER, "tsk_foreign"), (OWNER, "tsk_foreign"), (STRANGER, TASK), (OWNER, "tsk_none")]
    answer = await names(store, asking(*asked, asked[0]))
    own = {"name": NAME, "owner": OWNER}
    assert answer.json() == {"names": [own, {"name": "Foreign", "owner": STRANGER}, None, None, None, own]}


@pytest.mark.requirement("A5", "R37")
async def test_a_token_for_names_is_good_for_the_body_that_it_was_signed_for(store: StoreWorld) -> None:
    body, other = asking((OWNER, TASK)), asking((OWNER, TASK), (STRANGER, TASK))
    wrong = {
        "another body": await names(store, other, asks=digest_of(body)),
        "of a person": await names(store, body, sub=OWNER, asks=None),
        "of nothing": await names(store, body, asks=None),
        "for a card": await store.cards("GET", f"/{TASK}", token=store.service_token(None, asks=digest_of(body))),
    }
    assert {why: answer.status_code for why, answer in wrong.items()} == dict.fromkeys(wrong, 401)
    assert (await names(store, body)).status_code == 200


@pytest.mark.requirement("T4")
async def test_a_damaged_name_is_not_told_and_the_others_are(store: StoreWorld) -> None:
    await store.begin("tsk_second", name="Second")
    spoilt = tables.tasks.update().where(tables.tasks.c.task_id == TASK).values(sealed=b"spoilt")
    await store.database.write(lambda connection: connection.execute(spoilt).rowcount)
    answer = await names(store, asking((OWNER, TASK), (OWNER, "tsk_second")))
    assert answer.json() == {"names": [None, {"name": "Second", "owner": OWNER}]}


@pytest.mark.requirement("A5", "R37")
async def test_a_service_token_opens_no_task(store: StoreWorld) -> None:
    for scheme in ("Bearer", "DPoP"):
        headers = {"Authorization": f"{scheme} {store.service_token()}", "DPoP": secrets.token_urlsafe()}
        assert (await store.http.get(f"/tasks/{TASK}", headers=headers)).status_code == 401


@pytest.mark.requirement("R37")
async def test_without_a_memory_of_uses_no_service_token_is_honoured(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> bool:
        raise MemoryUnavailable("away")

    monkeypatch.setattr(store.ephemeral, "first_use", away)
    answer = await store.cards("GET")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:segue:problem:cannot-verify")


@pytest.mark.requirement("T24", "R39")
async def test_tasks_of_one_person_run_side_by_side_without_touching(store: StoreWorld) -> None:
    await store.begin("tsk_second", name="Second")
    one, two = store.device(), store.device(task_id="tsk_second")
    for device in (one, two):
        await device.put("draft", item(device.task))
        await device.post("/events", {"events": [event(device.task)]})
    for device in (one, two):
        view = await device.read("/resume")
        assert [found["title"] for found in view["working_set"]] == [device.task]
        assert view["cursor"] == 3
