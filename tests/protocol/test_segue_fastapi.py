"""`segue.fastapi.requires` in a real FastAPI app: what it lets through, and what the OpenAPI document says of it."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from segue import requires as decorators
from segue.fastapi import requires
from segue.middleware import TaskTokenMiddleware
from segue.problem import Problem
from segue.task_token import TaskToken
from segue.testing import TestDevice, TestIssuer
from starlette.testclient import TestClient

pytestmark = pytest.mark.requirement("E1", "U2")
URL = "https://agent.example"


def backend() -> FastAPI:
    app = FastAPI()
    router = APIRouter(prefix="/tasks/{task_id}", dependencies=[requires("task:read", task="task_id")])

    @router.get("/events")
    def events(token: Annotated[TaskToken, requires("events:read")]) -> dict[str, str]:
        return {"task": token.authority.task_id}

    @router.post("/run")
    async def run(task_id: str, token: Annotated[TaskToken, requires("tool_calls:claim")]) -> dict[str, str]:
        return {"task": task_id, "device": token.device_id}

    @router.get("/stale")
    async def stale() -> None:
        raise Problem(409, "stale-epoch", "The task has moved", "another device has it", epoch=8)

    app.include_router(router)

    @app.post("/tasks/{task_id}/decorated")
    @decorators.requires("task:write", task="task_id")
    async def decorated(task_id: str, request: Request) -> dict[str, str]:
        return {"task": request.scope["segue"].authority.task_id, "path": task_id}

    @app.get("/open")
    async def unrestricted() -> str:
        return "any task token"

    return app


class World:
    """The app, its issuer and a device."""

    def __init__(self, wrap: Callable[..., Any]) -> None:
        self.issuer, self.device = TestIssuer(), TestDevice()
        guard = {"issuer": self.issuer.issuer, "audience": URL, "fetch": self.issuer.fetch}
        self.client = TestClient(wrap(backend(), guard), base_url=URL, raise_server_exceptions=False)

    def ask(self, method: str, path: str, *actions: str) -> Any:
        token = self.issuer.token(self.device, actions=actions or ["task:read"])
        return self.device.request(self.client, method, URL + path, token)


def _around(app: FastAPI, guard: dict[str, Any]) -> Any:
    return TaskTokenMiddleware(app, **guard)


def _inside(app: FastAPI, guard: dict[str, Any]) -> Any:
    app.add_middleware(TaskTokenMiddleware, **guard)
    return app


@pytest.fixture(params=[_around, _inside])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(request.param)
    with world.client:
        yield world


def test_an_operation_gets_the_token_with_the_actions_it_requires(world: World) -> None:
    answer = world.ask("POST", "/tasks/tsk_test/run", "tool_calls:claim", "task:read")
    assert (answer.status_code, answer.json()["task"]) == (200, "tsk_test")
    assert answer.json()["device"].startswith("dev_")


def test_an_operation_that_is_no_coroutine_may_require_too(world: World) -> None:
    assert world.ask("GET", "/tasks/tsk_test/events", "events:read", "task:read").json() == {"task": "tsk_test"}


@pytest.mark.requirement("RFC6750-3-1", "XD-TASK-02")
@pytest.mark.parametrize("held", [("tool_calls:claim",), ("task:read", "tool_calls:read")])
def test_a_token_without_an_action_of_the_router_or_the_operation_is_refused(
    world: World, held: tuple[str, ...]
) -> None:
    answer = world.ask("POST", "/tasks/tsk_test/run", *held)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["www-authenticate"].startswith('DPoP error="insufficient_scope", ')
    assert len(answer.headers.get_list("dpop-nonce")) == 1


@pytest.mark.requirement("XD-TASK-01", "XD-TASK-07")
@pytest.mark.parametrize("path", ["run", "decorated"])
def test_another_task_does_not_exist(world: World, path: str) -> None:
    answer = world.ask("POST", f"/tasks/tsk_other/{path}", "tool_calls:claim", "task:read", "task:write")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:segue:problem:not-found")


def test_a_problem_of_a_handler_is_its_answer(world: World) -> None:
    answer = world.ask("GET", "/tasks/tsk_test/stale")
    assert (answer.status_code, answer.json()["epoch"]) == (409, 8)


def test_the_decorator_serves_fastapi_too(world: World) -> None:
    answer = world.ask("POST", "/tasks/tsk_test/decorated", "task:write")
    assert answer.json() == {"task": "tsk_test", "path": "tsk_test"}
    assert world.ask("POST", "/tasks/tsk_test/decorated").status_code == 403


@pytest.mark.requirement("XD-AGT-09")
def test_without_a_token_nothing_is_reached_not_even_the_document(world: World) -> None:
    for path in ("/tasks/tsk_test/events", "/open", "/openapi.json", "/docs"):
        assert world.client.get(path).status_code == 401


def test_the_document_shows_the_scheme_the_actions_and_the_proof() -> None:
    document = backend().openapi()
    scheme = document["components"]["securitySchemes"]
    assert list(scheme) == ["TaskToken"]
    assert (scheme["TaskToken"]["type"], scheme["TaskToken"]["scheme"]) == ("http", "DPoP")
    run, events, unrestricted = (
        document["paths"][path][method]
        for path, method in (("/tasks/{task_id}/run", "post"), ("/tasks/{task_id}/events", "get"), ("/open", "get"))
    )
    assert [{name: sorted(roles) for name, roles in each.items()} for each in run["security"]] == [
        {"TaskToken": ["task:read", "tool_calls:claim"]}
    ]
    assert sorted(events["security"][0]["TaskToken"]) == ["events:read", "task:read"]
    proof = [parameter for parameter in run["parameters"] if parameter["in"] == "header"]
    assert [(each["name"], each["required"]) for each in proof] == [("DPoP", True)]
    assert "security" not in unrestricted


@pytest.mark.requirement("XD-AGT-09")
def test_without_the_middleware_nothing_runs() -> None:
    client = TestClient(backend())
    with pytest.raises(RuntimeError, match="not behind TaskTokenMiddleware"):
        client.get("/tasks/tsk_test/events", headers={"DPoP": "x"})


def test_an_unknown_action_is_refused_when_the_app_starts() -> None:
    for actions in ((), ("task:fly",)):
        with pytest.raises(ValueError, match="unknown action"):
            requires(*actions)
