"""The OpenAPI document of the task store says what the server serves, the whole of it, and what the protocol says."""

import ast
import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from segue.authority import ACTIONS
from segue_resource import endpoints
from segue_resource.endpoints.route import route
from segue_resource.openapi import Undescribed, describe, document, text
from starlette.requests import Request
from starlette.responses import Response

SPECS = Path(__file__).parents[2] / "specs"
COMMITTED = SPECS / "openapi" / "task-store.json"
COMMAND = "python -m segue_resource.openapi > specs/openapi/task-store.json"
MACHINES = {("GET", "/healthz"), ("GET", "/readyz")}
"""Told in the README of the part, not in the protocol."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document()


def test_the_committed_document_is_what_the_endpoints_say(described: dict[str, Any]) -> None:
    assert COMMITTED.read_text() == text(described), f"the task store has changed; run `{COMMAND}`"


def test_it_is_openapi_3_1(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()
    assert described["jsonSchemaDialect"] == "https://json-schema.org/draft/2020-12/schema"


async def _undescribed(_: Request) -> Response:
    return Response()


def test_an_endpoint_that_says_nothing_of_itself_is_found_and_its_author_told_what_to_do() -> None:
    with pytest.raises(Undescribed) as told:
        describe([route("/tasks/{task_id}/new", POST=_undescribed)])
    for word in ("POST /tasks/{task_id}/new", "@operation(", "_undescribed", COMMAND, "specs/protocol.md"):
        assert word in str(told.value)


def test_the_document_and_the_protocol_tell_of_the_same_requests(described: dict[str, Any]) -> None:
    told = _requests_of_the_protocol()
    served = {(method.upper(), _bare(path)) for path, methods in described["paths"].items() for method in methods}
    assert served - told - MACHINES == set(), "these are missing in the tables of specs/protocol.md"
    assert told - served == set(), "these stand in specs/protocol.md and nobody serves them"


def test_each_operation_of_a_device_says_the_action_that_the_protocol_says(described: dict[str, Any]) -> None:
    actions = _actions_of_the_protocol()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if any("task_token" in scheme for scheme in operation["security"]):
                (scheme,) = operation["security"]
                assert scheme["dpop_proof"] == []
                assert scheme["task_token"] == actions[method.upper(), _bare(path)].split("` and `"), (method, path)
                assert set(scheme["task_token"]) <= ACTIONS


def test_a_handler_reads_the_body_that_it_describes() -> None:
    found = 0
    for module in pkgutil.iter_modules(endpoints.__path__, "segue_resource.endpoints."):
        tree = ast.parse(Path(importlib.import_module(module.name).__file__ or "").read_text())
        for handler in ast.walk(tree):
            if isinstance(handler, ast.AsyncFunctionDef):
                read, told = _shape_read(handler), _shape_told(handler)
                if read and told:
                    assert read == told, f"{module.name}.{handler.name}"
                    found += 1
    assert found > 25


def test_every_problem_that_is_told_has_the_form_of_one(described: dict[str, Any]) -> None:
    told = described["components"]["responses"]
    for methods in described["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and operation["security"]:
                    name = answer["$ref"].removeprefix("#/components/responses/")
                    (content,) = told[name]["content"].items()
                    assert content[0] == "application/problem+json"
                    assert content[1]["schema"]["properties"]["status"] == {"const": int(status)}


def test_what_is_said_of_several_operations_is_said_once(described: dict[str, Any]) -> None:
    said = [
        json.dumps(answer)
        for methods in described["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and "$ref" not in answer and operation["security"]
    ]
    assert said == []
    assert len(COMMITTED.read_text()) < 300_000


def test_the_committed_document_is_one_json_object_without_a_host_of_ours() -> None:
    told = json.loads(COMMITTED.read_text())
    assert told["servers"] == [{"url": "https://tasks.example"}]
    assert not re.search(r"localhost|127\.0\.0\.1", COMMITTED.read_text())


def _shape_read(handler: ast.AsyncFunctionDef) -> str:
    """The second argument of `read_body`."""
    for call in ast.walk(handler):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "read_body":
            return ast.unparse(call.args[1])
    return ""


def _shape_told(handler: ast.AsyncFunctionDef) -> str:
    """`body` of `@operation`."""
    for decorator in handler.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name):
            for keyword in decorator.keywords:
                if decorator.func.id == "operation" and keyword.arg == "body":
                    return ast.unparse(keyword.value)
    return ""


def _rows() -> list[tuple[str, str]]:
    """First and second cell of every row of the protocol that is a request."""
    lines = (SPECS / "protocol.md").read_text().partition("## 8.")[2].partition("## 10.")[0].splitlines()
    rows = [line.split("|") for line in lines if re.match(r"\| `(GET|HEAD|POST|PUT|PATCH|DELETE) ", line)]
    return [(cells[1].strip(), cells[2].strip()) for cells in rows]


def _requests(cell: str) -> list[tuple[str, str]]:
    """`POST …/{c}/start`, `/heartbeat` are two requests, with the same method and the same beginning."""
    found: list[tuple[str, str]] = []
    for method, path in re.findall(r"`(?:([A-Z]+) )?([/…][^ ?`]*)", cell):
        whole = path.replace("…/{c}", "/tasks/{}/tool-calls/{}").replace("…", "/tasks/{}")
        if not method:
            method, whole = found[-1][0], found[-1][1].rpartition("/")[0] + path
        found.append((method, _bare(whole)))
    return found


def _requests_of_the_protocol() -> set[tuple[str, str]]:
    return {request for cell, _ in _rows() for request in _requests(cell)}


def _actions_of_the_protocol() -> dict[tuple[str, str], str]:
    return {request: action.strip("`") for cell, action in _rows() for request in _requests(cell)}


def _bare(path: str) -> str:
    """Without the names of what is in braces."""
    return re.sub(r"\{\w+\}", "{}", path)
