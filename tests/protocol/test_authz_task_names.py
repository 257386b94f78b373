"""How tasks are called, asked of the task store: by one request for all that wait, and of an older store one by one."""

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from segue import jose
from segue_authz.domain.task_card import CardsUnavailable, TaskName
from segue_authz.task_cards import TaskCardsOverHttp
from segue_authz.tokens import signing_keys
from segue_authz.tokens.signing_keys import SigningKeys

pytestmark = pytest.mark.anyio

Answer = Callable[[httpx2.Request], httpx2.Response]
CARD = {"state": "", "sensitivity": "normal", "running_tool_calls": 0, "last_at": 1, "role": "customer", "actions": []}


class Store:
    """A task store that knows a task `tsk_<number>` of each person `usr_<number>`."""

    def __init__(self, *, several: int = 200) -> None:
        self.requests: list[httpx2.Request] = []
        self._several = several

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.method == "POST" and self._several != 200:
            return httpx2.Response(self._several, json={})
        if request.method == "POST":
            asked = json.loads(request.content)["asked"]
            return httpx2.Response(200, json={"names": [_named(one["sub"], one["task_id"]) for one in asked]})
        sub, task_id = _claims(request)["sub"], request.url.path.rpartition("/")[2]
        named = _named(sub, task_id)
        return httpx2.Response(200, json=CARD | {"task_id": task_id} | named) if named else httpx2.Response(404)


def _named(sub: str, task_id: str) -> dict[str, str] | None:
    number = task_id.removeprefix("tsk_")
    return {"name": f"Task {number}", "owner": sub} if sub == f"usr_{number}" else None


def _claims(request: httpx2.Request) -> dict[str, str]:
    claims: dict[str, str] = jose.parse(request.headers["Authorization"].partition(" ")[2]).claims()
    return claims


def _cards(folder: Path, answer: Answer) -> TaskCardsOverHttp:
    signing_keys.create(folder, now=1)
    return TaskCardsOverHttp(
        httpx2.AsyncClient(transport=httpx2.MockTransport(answer)),
        issuer="https://id.example",
        audience="https://tasks.example",
        keys=SigningKeys(folder),
        clock=lambda: 1_800_000_000,
        random=lambda count: bytes(count),
    )


async def _asked(cards: TaskCardsOverHttp) -> list[TaskName | BaseException | None]:
    wanted = [("usr_1", "tsk_1"), ("usr_2", "tsk_2"), ("usr_1", "tsk_2")]
    return await asyncio.gather(*(cards.name(*one) for one in wanted), return_exceptions=True)


ANSWERS = [TaskName("Task 1", "usr_1"), TaskName("Task 2", "usr_2"), None]


@pytest.mark.requirement("T7", "A5")
async def test_names_that_are_asked_for_together_take_one_request_signed_for_just_that_question(tmp_path: Path) -> None:
    store = Store()
    assert await _asked(_cards(tmp_path, store)) == ANSWERS
    (request,) = store.requests
    claims = _claims(request)
    assert claims["asks"] == jose.b64url_encode(sha256(request.content).digest())
    assert "sub" not in claims


@pytest.mark.requirement("T7")
@pytest.mark.parametrize("status", [400, 404, 405, 422, 500])
async def test_a_store_that_cannot_be_asked_for_several_is_asked_for_each(tmp_path: Path, status: int) -> None:
    store = Store(several=status)
    assert await _asked(_cards(tmp_path, store)) == ANSWERS
    assert [request.method for request in store.requests] == ["POST", "GET", "GET", "GET"]


@pytest.mark.requirement("T7")
async def test_a_store_that_is_away_is_asked_once_and_nobody_is_told_a_name(tmp_path: Path) -> None:
    asked = []

    def away(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        raise httpx2.ConnectError("away")

    for answer in (away, Store(several=503)):
        outcomes = await _asked(_cards(tmp_path / str(len(asked)), answer))
        assert {type(outcome) for outcome in outcomes} == {CardsUnavailable}
    assert len(asked) == 1


@pytest.mark.requirement("T7")
async def test_an_answer_to_another_question_is_nobodys(tmp_path: Path) -> None:
    def short(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"names": [_named("usr_1", "tsk_1")]})

    outcomes = await _asked(_cards(tmp_path, short))
    assert {type(outcome) for outcome in outcomes} == {CardsUnavailable}
