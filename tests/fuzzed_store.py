"""Requests that schemathesis draws from the OpenAPI document, sent to the task store; their answers judged by it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import requests
from anyio.from_thread import BlockingPortal, start_blocking_portal
from drawn_requests import CHECKS, Document, operation_id_of
from resource_world import STORE, StoreWorld, digest_of, open_store_world
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import negated_parameters
from staged_operations import Scene, set_scene

DOCUMENT = Document("task-store.json")
OPERATIONS = DOCUMENT.operations
SAID_IN_WORDS = (
    "say body or withdraw",
    "the member to is below head",
    "a name is one line of printable text",
    "an integer is too large",
    "Expected `int`, got `float`",
    "Expected `int | null`, got `float`",
    "say name or budget",
    "If-None-Match must be * and alone",
    "say version or as_of",
)
"""What the document says of requests beside the schemas, which have no words for it."""
_MALFORMED = {400, 405, 413, 415}
_PROOFS = ("Authorization", "DPoP")


def well_formed_is_not_called_malformed(_: CheckContext, response: Response, case: Case) -> None:
    """Whoever keeps to the document is at most told that it is not the time for this."""
    meta = case.meta
    if (
        case.method == "HEAD"
        or meta is None
        or meta.generation.mode is GenerationMode.NEGATIVE
        or response.status_code not in _MALFORMED
    ):
        return
    problem = response.json()
    assert any(words in problem["detail"] for words in SAID_IN_WORDS), f"the document allows this: {problem}"


def refusals_are_problems(_: CheckContext, response: Response, case: Case) -> None:
    """RFC 9457, whoever refuses; the answer to a probe for readiness is none, and HEAD has no content."""
    if response.status_code < 400 or case.path == "/readyz" or case.method == "HEAD":
        return
    assert response.headers["content-type"] == ["application/problem+json"]
    problem = response.json()
    assert problem["type"].startswith("urn:segue:problem:")
    assert problem["status"] == response.status_code
    assert problem["title"]
    assert problem["detail"]


@contextmanager
def open_fuzzed_store(folder: Path) -> Iterator["FuzzedStore"]:
    """On SQLite and this process, in a thread that goes on while requests are drawn: it has to hear its issuer."""
    with start_blocking_portal() as portal:
        opened = open_store_world(folder, database_url=f"sqlite:///{folder}/fuzzed.db", ephemeral_url=None)
        with portal.wrap_async_context_manager(opened) as world:
            yield FuzzedStore(portal, world)


class FuzzedStore:
    """One store; each request meets a scene that nothing has changed yet. `statuses` counts answers by operation."""

    def __init__(self, portal: BlockingPortal, world: StoreWorld) -> None:
        self.statuses: dict[str, Counter[int]] = {name: Counter() for name in OPERATIONS}
        self._portal = portal
        self._world = world
        self._scene: tuple[str, Scene] | None = None

    def fuzz(self, operation_id: str, *, examples: int, derandomize: bool = True) -> None:
        """Boundary values of everything that is described, then `examples` random requests that fit, and that do not.

        Raises `FailureGroup` at the first answer that the document does not tell of.
        """
        DOCUMENT.draw(operation_id, self.judge, examples=examples, derandomize=derandomize)

    def judge(self, case: Case) -> None:
        operation_id = operation_id_of(case)
        answer = self._portal.call(self._answer, operation_id, case)
        self.statuses[operation_id][answer.status_code] += 1
        case.validate_response(answer, checks=[*CHECKS, well_formed_is_not_called_malformed, refusals_are_problems])

    async def _answer(self, operation_id: str, case: Case) -> httpx2.Response:
        """What was refused has changed nothing, so the scene is good for the next request too."""
        if self._scene is None or self._scene[0] != operation_id:
            self._scene = operation_id, await set_scene(self._world, operation_id)
        _, scene = self._scene
        _put_in(scene, case)
        prepared = requests.Request(**case.as_transport_kwargs(base_url=STORE)).prepare()
        answer = await self._sent(scene, case, prepared)
        if "use_dpop_nonce" in answer.headers.get("WWW-Authenticate", ""):
            answer = await self._sent(scene, case, prepared)
        if answer.status_code < 400 and case.method != "GET":
            self._scene = None
        return answer

    async def _sent(self, scene: Scene, case: Case, prepared: requests.PreparedRequest) -> httpx2.Response:
        headers = {name: value for name, value in prepared.headers.items() if name not in _PROOFS}
        headers |= self._proofs(scene, case, prepared)
        answer = await self._world.http.request(
            str(prepared.method),
            str(prepared.url),
            content=prepared.body,
            headers=[(name.encode(), _bytes(value)) for name, value in headers.items()],
        )
        scene.device.nonce = answer.headers.get("DPoP-Nonce", scene.device.nonce)
        return answer

    def _proofs(self, scene: Scene, case: Case, prepared: requests.PreparedRequest) -> dict[str, Any]:
        """Those of the caller, except where they are what is wrong with the request."""
        device, url = scene.device, str(prepared.url).partition("?")[0]
        if case.path.startswith("/tasks"):
            proofs = device.key.headers(str(prepared.method), url, device.token, nonce=device.nonce)
        else:
            about = {"asks": digest_of(prepared.body or b"")} if case.path == "/task-cards/names" else {}
            proofs = {"Authorization": f"Bearer {self._world.service_token(scene.sub, **about)}"}
        wrong = {name for name, location in negated_parameters(case.meta) if location is ParameterLocation.HEADER}
        if case.meta.is_negative_at(ParameterLocation.HEADER):
            wrong |= proofs.keys() - prepared.headers.keys()
        drawn = {name: prepared.headers[name] for name in wrong & prepared.headers.keys() & proofs.keys()}
        return {name: value for name, value in proofs.items() if name not in wrong} | drawn


def _put_in(scene: Scene, case: Case) -> None:
    """What is there in the scene takes the place of what was drawn, except where that is what is wrong."""
    meta = case.meta
    assert meta is not None
    wrong = {location for location in ParameterLocation if meta.is_negative_at(location)}
    if ParameterLocation.PATH not in wrong:
        case.path_parameters |= {name: value for name, value in scene.path.items() if name in case.path_parameters}
    if ParameterLocation.HEADER not in wrong:
        for name in scene.headers.keys() & case.headers.keys():
            case.headers[name] = scene.headers[name]
    if ParameterLocation.BODY not in wrong and isinstance(case.body, dict):
        case.body |= {name: value for name, value in scene.body.items() if name in case.body}


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")
