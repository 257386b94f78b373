"""The WSGI middleware and @requires in a real Flask app, asked by threads too."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.views import MethodView
from segue.problem import Problem, problem_response
from segue.requires import requires
from segue.testing import TestDevice, TestIssuer
from segue.wsgi import TaskTokenMiddleware
from werkzeug.test import Client

pytestmark = pytest.mark.requirement("E1", "U2")
URL = "https://agent.example"
ALL = ("task:read", "tool_calls:claim")


class Things(MethodView):
    @requires("tool_calls:claim", task="task_id")
    def post(self, task_id: str) -> dict[str, str]:
        return {"task": task_id}


def backend() -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/tasks/<task_id>/things", view_func=Things.as_view("things"))

    @app.post("/tasks/<task_id>/run")
    @requires("tool_calls:claim", task="task_id")
    def run(task_id: str) -> dict[str, str]:
        return {"task": request.environ["segue"].authority.task_id, "path": task_id}

    @app.get("/stale")
    @requires("task:read")
    def stale() -> str:
        raise Problem(409, "stale-epoch", "The task has moved", "another device has it", epoch=8)

    @app.get("/bug")
    @requires("task:read")
    def bug() -> str:
        raise KeyError("bug")

    @app.get("/stream")
    @requires("task:read")
    def stream() -> Response:
        return Response(iter(["a", "b"]))

    return app


def _answering_problems() -> Flask:
    """As the README has it."""
    app = backend()

    @app.errorhandler(Problem)
    def answer(problem: Problem) -> Response:
        status, headers, body = problem_response(problem)
        return Response(body, status, [(name.decode(), value.decode()) for name, value in headers])

    return app


def _testing() -> Flask:
    app = backend()
    app.testing = True
    return app


class World:
    """The app, its issuer and a device."""

    def __init__(self, app: Flask) -> None:
        self.issuer, self.device = TestIssuer(), TestDevice()
        self.guarded = TaskTokenMiddleware(app, issuer=self.issuer.issuer, audience=URL, fetch=self.issuer.fetch)
        self.client = self

    def request(self, method: str, url: str, *, headers: dict[str, str]) -> Any:
        response = Client(self.guarded).open(url.removeprefix(URL), URL, method=method, headers=headers)
        response.get_data()
        return response

    def ask(self, method: str, path: str, *actions: str) -> Any:
        token = self.issuer.token(self.device, actions=actions or ["task:read"])
        return self.device.request(self.client, method, URL + path, token)


@pytest.fixture(params=[backend, _answering_problems, _testing])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    make: Callable[[], Flask] = request.param
    world = World(make())
    yield world
    world.guarded.close()


@pytest.mark.parametrize("path", ["run", "things"])
def test_a_handler_runs_with_the_action_it_requires(world: World, path: str) -> None:
    answer = world.ask("POST", f"/tasks/tsk_test/{path}", "tool_calls:claim")
    assert (answer.status_code, answer.json["task"]) == (200, "tsk_test")
    assert len(answer.headers.getlist("DPoP-Nonce")) == 1


@pytest.mark.requirement("RFC6750-3-1", "XD-TASK-02")
@pytest.mark.parametrize("path", ["run", "things"])
def test_a_token_without_the_action_gets_insufficient_scope(world: World, path: str) -> None:
    answer = world.ask("POST", f"/tasks/tsk_test/{path}", "tool_calls:read")
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="insufficient_scope", ')
    assert (answer.json["error"], answer.json["actions"]) == ("insufficient_scope", ["tool_calls:claim"])
    assert len(answer.headers.getlist("DPoP-Nonce")) == 1


@pytest.mark.requirement("XD-TASK-01", "XD-TASK-07")
@pytest.mark.parametrize("path", ["run", "things"])
def test_another_task_does_not_exist(world: World, path: str) -> None:
    answer = world.ask("POST", f"/tasks/tsk_other/{path}", *ALL)
    assert (answer.status_code, answer.json["type"]) == (404, "urn:segue:problem:not-found")


def test_a_problem_a_handler_raises_is_answered(world: World) -> None:
    answer = world.ask("GET", "/stale")
    assert (answer.status_code, answer.json["epoch"]) == (409, 8)


def test_an_error_of_the_app_stays_the_apps() -> None:
    world = World(backend())
    answer = world.ask("GET", "/bug")
    assert (answer.status_code, answer.content_type) == (500, "text/html; charset=utf-8")
    world.guarded.close()


def test_a_stream_is_passed_on(world: World) -> None:
    assert world.ask("GET", "/stream").get_data() == b"ab"


@pytest.mark.requirement("XD-AGT-09")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/stale", "/nothing", "/", "//stale", "/tasks/tsk_test/run"])
def test_no_route_answers_without_a_token(world: World, method: str, path: str) -> None:
    assert Client(world.guarded).open(path, URL, method=method).status_code == 401


@pytest.mark.requirement("XD-AGT-09")
def test_without_the_middleware_the_handler_does_not_run() -> None:
    app = backend()
    app.testing = True
    with pytest.raises(TypeError, match="an app behind segue"):
        app.test_client().post("/tasks/tsk_test/run")


@pytest.mark.requirement("XD-DPOP-04", "XD-TASK-01")
def test_threads_that_hammer_it_see_their_own_task_and_every_proof_counts_once() -> None:
    world = World(backend())
    world.ask("GET", "/stream")
    devices = [TestDevice() for _ in range(8)]

    def hammer(number: int) -> Counter[object]:
        seen: Counter[object] = Counter()
        device, task = devices[number], f"tsk_{number}"
        token = world.issuer.token(device, task_id=task, actions=ALL)
        url, nonce = f"{URL}/tasks/{task}/run", None
        while seen["good"] < 50:
            headers = device.headers("POST", url, token, nonce=nonce)
            answer = world.request("POST", url, headers=headers)
            if answer.status_code == 200:
                assert answer.json == {"task": task, "path": task}
                seen["good"] += 1
                seen[world.request("POST", url, headers=headers).status_code] += 1
            nonce = answer.headers["DPoP-Nonce"]
        return seen

    with ThreadPoolExecutor(8) as threads:
        total = sum(threads.map(hammer, range(8)), Counter[object]())
    assert total == {"good": 400, 401: 400}
    world.guarded.close()
