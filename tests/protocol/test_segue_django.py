"""The WSGI middleware and @requires in a real Django project: views, classes of views and streams, asked by threads."""

import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from segue.problem import Problem, problem_response
from segue.requires import requires
from segue.testing import TestDevice, TestIssuer
from segue.wsgi import TaskTokenMiddleware
from werkzeug.test import Client

pytestmark = pytest.mark.requirement("E1", "U2")
URL = "https://agent.example"
ALL = ("task:read", "tool_calls:claim")


@requires("tool_calls:claim", task="task_id")
def run(request: HttpRequest, task_id: str) -> HttpResponse:
    return JsonResponse({"task": request.META["segue"].authority.task_id, "path": task_id})


@requires("task:read")
def stale(request: HttpRequest) -> HttpResponse:
    raise Problem(409, "stale-epoch", "The task has moved", "another device has it", epoch=8)


@requires("task:read")
def bug(request: HttpRequest) -> HttpResponse:
    raise KeyError("bug")


@requires("task:read")
def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]))


class Things(View):
    @method_decorator(requires("tool_calls:claim", task="task_id"))
    def post(self, request: HttpRequest, task_id: str) -> HttpResponse:
        return JsonResponse({"task": task_id})

    @requires("task:read", task="task_id")
    def get(self, request: HttpRequest, task_id: str) -> HttpResponse:
        return JsonResponse({"task": task_id})


class ProblemAnswers:
    """As the README has it."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer: HttpResponse = self.get_response(request)
        return answer

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        if not isinstance(problem, Problem):
            return None
        status, headers, body = problem_response(problem)
        return HttpResponse(body, status=status, headers={name.decode(): value.decode() for name, value in headers})


URLS = ModuleType("urls")
URLS.urlpatterns = [  # type: ignore[attr-defined]
    path("tasks/<task_id>/run", run),
    path("tasks/<task_id>/things", Things.as_view()),
    path("stale", stale),
    path("bug", bug),
    path("stream", stream),
]


class World:
    """The project, its issuer and a device."""

    def __init__(self) -> None:
        self.issuer, self.device = TestIssuer(), TestDevice()
        guard = {"issuer": self.issuer.issuer, "audience": URL, "fetch": self.issuer.fetch}
        self.guarded = TaskTokenMiddleware(get_wsgi_application(), **guard)

    def request(self, method: str, url: str, *, headers: dict[str, str]) -> Any:
        response = Client(self.guarded).open(url.removeprefix(URL), URL, method=method, headers=headers)
        response.get_data()
        return response

    def ask(self, method: str, path: str, *actions: str) -> Any:
        token = self.issuer.token(self.device, actions=actions or ["task:read"])
        return self.device.request(self, method, URL + path, token)


@pytest.fixture(scope="module", autouse=True)
def _project() -> None:
    settings.configure(
        ALLOWED_HOSTS=["agent.example"], ROOT_URLCONF=URLS, SECRET_KEY="s" * 50, LOGGING_CONFIG=None, USE_TZ=True
    )
    django.setup()
    logging.getLogger("django.request").setLevel(logging.CRITICAL)


@pytest.fixture(params=["plain", "answering", "debug"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    answering = [f"{ProblemAnswers.__module__}.ProblemAnswers"] if request.param == "answering" else []
    monkeypatch.setattr(settings, "MIDDLEWARE", answering)
    monkeypatch.setattr(settings, "DEBUG", request.param == "debug")
    world = World()
    yield world
    world.guarded.close()


@pytest.mark.parametrize("view", ["run", "things"])
def test_a_view_runs_with_the_action_it_requires(world: World, view: str) -> None:
    answer = world.ask("POST", f"/tasks/tsk_test/{view}", "tool_calls:claim")
    assert (answer.status_code, answer.json["task"]) == (200, "tsk_test")
    assert len(answer.headers.getlist("DPoP-Nonce")) == 1


@pytest.mark.requirement("RFC6750-3-1", "XD-TASK-02", "RFC6749-7")
@pytest.mark.parametrize(("method", "view"), [("POST", "run"), ("POST", "things"), ("GET", "things")])
def test_a_token_without_the_action_gets_insufficient_scope(world: World, method: str, view: str) -> None:
    answer = world.ask(method, f"/tasks/tsk_test/{view}", "tool_calls:read")
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="insufficient_scope", ')
    assert len(answer.headers.getlist("DPoP-Nonce")) == 1


@pytest.mark.requirement("XD-TASK-01", "XD-TASK-07")
@pytest.mark.parametrize(("method", "view"), [("POST", "run"), ("POST", "things"), ("GET", "things")])
def test_another_task_does_not_exist(world: World, method: str, view: str) -> None:
    answer = world.ask(method, f"/tasks/tsk_other/{view}", *ALL)
    assert (answer.status_code, answer.json["type"]) == (404, "urn:segue:problem:not-found")


def test_a_problem_a_view_raises_is_answered(world: World) -> None:
    answer = world.ask("GET", "/stale")
    assert (answer.status_code, answer.json["epoch"]) == (409, 8)


def test_an_error_of_the_project_stays_the_projects(world: World) -> None:
    answer = world.ask("GET", "/bug")
    assert (answer.status_code, answer.content_type.partition(";")[0]) == (500, "text/html")


def test_a_stream_is_passed_on(world: World) -> None:
    assert world.ask("GET", "/stream").get_data() == b"ab"


@pytest.mark.requirement("XD-AGT-09")
@pytest.mark.parametrize("path", ["/stale", "/nothing", "/", "/tasks/tsk_test/run"])
def test_no_view_answers_without_a_token(world: World, path: str) -> None:
    assert Client(world.guarded).open(path, URL).status_code == 401


@pytest.mark.requirement("XD-DPOP-04", "XD-TASK-01")
def test_threads_that_hammer_it_see_their_own_task_and_every_proof_counts_once() -> None:
    world = World()
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
