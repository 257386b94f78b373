"""The middleware and @requires in a Starlette app: around it, inside it, and on its mounted and failing routes."""

from collections.abc import Callable
from typing import Any

import pytest
from segue.middleware import TaskTokenMiddleware
from segue.problem import Problem, problem_response
from segue.requires import requires
from segue.testing import TestDevice, TestIssuer
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

pytestmark = pytest.mark.requirement("E1", "U2", "R37")
URL = "https://agent.example"


@requires("tool_calls:claim")
async def run(request: Request) -> JSONResponse:
    """Run it."""
    return JSONResponse({"task": request.scope["segue"].authority.task_id})


@requires("task:read", "events:read", task="task_id")
async def events(request: Request) -> JSONResponse:
    return JSONResponse([])


async def stale(request: Request) -> Response:
    raise Problem(409, "stale-epoch", "The task has moved", "another device has it", epoch=8)


async def bug(request: Request) -> Response:
    raise KeyError("bug")


async def caught(request: Request) -> Response:
    try:
        raise Problem(409, "stale-epoch", "t", "d")
    except Problem:
        return JSONResponse({"caught": True})


@requires("tool_calls:claim", task="task_id")
def in_a_thread(request: Request) -> JSONResponse:
    return JSONResponse({"task": request.scope["segue"].authority.task_id})


class Things(HTTPEndpoint):
    @requires("task:write")
    async def post(self, request: Request) -> JSONResponse:
        return JSONResponse({})


async def _pass_on(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


ROUTES = [
    Route("/run", run, methods=["POST"]),
    Route("/tasks/{task_id}/events", events),
    Route("/tasks/{task_id}/thread", in_a_thread, methods=["POST"]),
    Route("/stale", stale),
    Route("/bug", bug),
    Route("/caught", caught),
    Route("/things", Things),
    Mount("/mounted", routes=[Route("/run", run, methods=["POST"])]),
    WebSocketRoute("/socket", lambda socket: socket.accept()),
]


class World:
    """The app, its issuer and a device."""

    def __init__(self, wrap: Callable[..., Any]) -> None:
        self.issuer, self.device = TestIssuer(), TestDevice()
        guard = {"issuer": self.issuer.issuer, "audience": URL, "fetch": self.issuer.fetch}
        self.client = TestClient(wrap(guard), base_url=URL, raise_server_exceptions=False)

    def ask(self, method: str, path: str, *actions: str, **arguments: Any) -> Any:
        token = self.issuer.token(self.device, actions=actions or ["task:read"])
        return self.device.request(self.client, method, URL + path, token, **arguments)


def _around(guard: dict[str, Any]) -> Any:
    return TaskTokenMiddleware(Starlette(routes=ROUTES), **guard)


def _around_debug(guard: dict[str, Any]) -> Any:
    return TaskTokenMiddleware(Starlette(routes=ROUTES, debug=True), **guard)


def _inside(guard: dict[str, Any]) -> Any:
    return Starlette(routes=ROUTES, middleware=[Middleware(TaskTokenMiddleware, **guard)])


def _among_others(guard: dict[str, Any]) -> Any:
    passing = Middleware(BaseHTTPMiddleware, dispatch=_pass_on)
    return Starlette(routes=ROUTES, middleware=[passing, Middleware(TaskTokenMiddleware, **guard), passing])


def _with_handler(guard: dict[str, Any]) -> Any:
    def render(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        status, headers, body = problem_response(problem)
        return Response(body, status, {name.decode(): value.decode() for name, value in headers})

    return TaskTokenMiddleware(Starlette(routes=ROUTES, exception_handlers={Problem: render}), **guard)


@pytest.fixture(params=[_around, _around_debug, _inside, _among_others, _with_handler])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


@pytest.mark.parametrize("path", ["/run", "/mounted/run"])
def test_a_handler_runs_with_the_action_it_requires(world: World, path: str) -> None:
    answer = world.ask("POST", path, "tool_calls:claim")
    assert (answer.status_code, answer.json()) == (200, {"task": "tsk_test"})


@pytest.mark.requirement("RFC6750-3-1", "XD-TASK-02", "XD-RAR-05")
@pytest.mark.parametrize("path", ["/run", "/mounted/run"])
def test_a_token_without_the_action_gets_insufficient_scope(world: World, path: str) -> None:
    answer = world.ask("POST", path, "tool_calls:read", "tool_calls:propose")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith('DPoP error="insufficient_scope", ')
    assert len(answer.headers.get_list("dpop-nonce")) == 1
    assert answer.json() == {
        "type": "urn:segue:problem:insufficient-scope",
        "title": "The task token does not allow this",
        "status": 403,
        "detail": "the task token does not allow this action",
        "error": "insufficient_scope",
        "actions": ["tool_calls:claim"],
    }


def test_all_actions_are_required(world: World) -> None:
    path = "/tasks/tsk_test/events"
    assert world.ask("GET", path, "task:read").status_code == 403
    assert world.ask("GET", path, "task:read", "events:read").status_code == 200


def test_a_handler_that_is_not_async_may_require_too(world: World) -> None:
    assert world.ask("POST", "/tasks/tsk_test/thread", "tool_calls:claim").json() == {"task": "tsk_test"}
    assert world.ask("POST", "/tasks/tsk_test/thread", "task:read").status_code == 403
    assert world.ask("POST", "/tasks/tsk_other/thread", "tool_calls:claim").status_code == 404


@pytest.mark.requirement("XD-TASK-01", "XD-TASK-07")
def test_another_task_does_not_exist(world: World) -> None:
    answer = world.ask("GET", "/tasks/tsk_other/events", "task:read", "events:read")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:segue:problem:not-found")


def test_a_class_based_endpoint_may_require_too(world: World) -> None:
    assert world.ask("POST", "/things", "task:write").status_code == 200
    assert world.ask("POST", "/things", "task:read").status_code == 403


def test_a_problem_a_handler_raises_is_answered(world: World) -> None:
    answer = world.ask("GET", "/stale")
    assert (answer.status_code, answer.json()["epoch"]) == (409, 8)
    assert len(answer.headers.get_list("dpop-nonce")) == 1


def test_a_problem_a_handler_caught_is_its_own_affair(world: World) -> None:
    assert world.ask("GET", "/caught").json() == {"caught": True}


def test_an_error_of_the_app_is_a_500_as_ever(world: World) -> None:
    answer = world.ask("GET", "/bug")
    assert answer.status_code == 500
    assert "problem" not in answer.headers.get("content-type", "")


@pytest.mark.requirement("XD-AGT-09", "XD-TASK-03")
@pytest.mark.parametrize("path", ["/run", "/run/", "//run", "/RUN", "/mounted/run", "/nothing", "/bug", "/", "/things"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "BREW"])
def test_no_route_answers_without_a_token(world: World, method: str, path: str) -> None:
    assert world.client.request(method, URL + path).status_code == 401


@pytest.mark.requirement("XD-AGT-09")
def test_no_websocket_opens(world: World) -> None:
    with pytest.raises(WebSocketDisconnect), world.client.websocket_connect("/socket"):
        pass


def test_cors_outside_answers_refusals_too() -> None:
    def wrap(guard: dict[str, Any]) -> Any:
        inner = TaskTokenMiddleware(Starlette(routes=ROUTES), **guard)
        return CORSMiddleware(inner, allow_origins=["*"], expose_headers=["DPoP-Nonce"])

    answer = World(wrap).client.get("/run", headers={"Origin": "https://phone.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")
    assert answer.headers["access-control-expose-headers"] == "DPoP-Nonce"


def test_the_decorated_handler_keeps_its_name_and_signature() -> None:
    assert (run.__name__, run.__doc__) == ("run", "Run it.")


def test_a_misspelt_action_is_found_when_the_app_starts() -> None:
    for actions in ((), ("tool_calls:clam",), ("task:read", "")):
        with pytest.raises(ValueError, match="unknown action"):
            requires(*actions)


def test_what_is_no_function_is_refused_when_the_app_starts() -> None:
    with pytest.raises(TypeError, match="functions"):
        requires("task:read")(Things)


@pytest.mark.requirement("XD-AGT-09")
def test_without_the_middleware_the_handler_does_not_run() -> None:
    client = TestClient(Starlette(routes=ROUTES))
    with pytest.raises(RuntimeError, match="not behind TaskTokenMiddleware"):
        client.post("/run")
