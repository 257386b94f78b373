"""The authorization server answers as its OpenAPI document says: on a good day, and whatever else it is asked.

`SEGUE_TEST_ROUNDS=full` draws many more requests by schemathesis, others each time.
"""

import re
from collections.abc import Iterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
from anyio.from_thread import BlockingPortal, start_blocking_portal
from authz_world import ACTIONS, ISSUER, PHONE, STORE, Device, World, handle_of, open_world
from backchannel_world import backend
from drawn_requests import CHECKS, Document, operation_id_of
from hearing_server import Hearing, hearing
from registering import described, invite, registered
from rounds import FULL, rounds
from schemathesis import Case, CheckContext, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.endpoints import form, withdrawal
from segue_authz.endpoints.introspection import SIGNED
from segue_authz.enrolment import add_client
from upstream_world import Upstream

pytest_plugins = ["upstream_fixtures"]
EXAMPLES = rounds(bounded=6, full=250)
DOCUMENT = Document("authz.json")
STORE_AUTH = httpx2.BasicAuth("store", "s" * 43)


def refusals_are_errors(_: CheckContext, response: Response, case: Case) -> None:
    """RFC 6749 section 5.2, or of a task token RFC 9457."""
    if response.status_code < 400:
        return
    told = response.json()
    if response.headers["content-type"] == ["application/problem+json"]:
        assert told["type"].startswith("urn:segue:problem:")
        assert told["status"] == response.status_code
        assert told["detail"]
    else:
        assert response.headers["content-type"] == ["application/json"]
        assert told["error"]
        assert told["error_description"]


class Witness:
    """Stands before the server and writes down what it answers to the protocol endpoints."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.answers: list[tuple[str, str, httpx2.Response]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        head: dict[str, Any] = {}
        body = bytearray()

        async def seen(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                body.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, seen)
        request = httpx2.Request(scope["method"], ISSUER + scope["path"])
        answer = httpx2.Response(head["status"], headers=head["headers"], content=bytes(body), request=request)
        answer.elapsed = timedelta()  # which a client that reads it from the network would set
        self.answers.append((scope["method"], scope["path"], answer))


async def everything(world: World) -> None:
    """A push, a pull, what a resource server asks, and the end of it all."""
    method = Method.CLIENT_SECRET_BASIC
    server = Client("store", "API", ACTIONS, method=method, secret_digest=digest("s" * 43), audience=STORE)
    await add_client(world.database, server)
    desktop, phone = await world.desktop(), world.device(PHONE)
    offer = (await desktop.offer("share")).json()
    claim = (await phone.claim(handle_of(offer["transfer_uri"]))).json()
    pending = await phone.redeem(claim["device_code"])
    assert pending.json()["error"] == "authorization_pending"
    transfer = f"/transfer/{offer['transfer_id']}"
    assert (await desktop.send("GET", transfer, token=await desktop.issuer_token())).status_code == 200
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    world.now += 10
    assert (await phone.redeem(claim["device_code"])).status_code == 200
    again = (await desktop.offer("share")).json()
    cancelled = f"/transfer/{again['transfer_id']}/cancel"
    assert (await desktop.send("POST", cancelled, token=await desktop.issuer_token())).status_code == 200
    assert (await world.device(PHONE).ask_for_task()).status_code == 200
    assert (await desktop.send("POST", "/par", desktop.request("v" * 43))).status_code == 201
    http = world.http()
    for media_type in ("application/json", SIGNED):
        token = {"token": desktop.tokens["access_token"]}
        assert (
            await http.post("/introspect", data=token, auth=STORE_AUTH, headers={"Accept": media_type})
        ).status_code == 200
    for path in ("/.well-known/oauth-authorization-server", "/jwks", "/withdrawals", "/healthz", "/readyz"):
        assert (await http.get(path)).status_code == 200
    client = await registered(world)
    path = f"/register/{client['client_id']}"
    headers = {"Authorization": f"Bearer {client['registration_access_token']}"}
    assert (await http.get(path, headers=headers)).status_code == 200
    changed = await http.put(path, json=described(client_id=client["client_id"]), headers=headers)
    headers = {"Authorization": f"Bearer {changed.json()['registration_access_token']}"}
    assert (await http.delete(path, headers=headers)).status_code == 204
    assert (await (await backend(world)).ask_person()).status_code == 200
    await signals(world)
    for path in ("/status", "/status/0", "/.well-known/ssf-configuration"):
        assert (await http.get(path)).status_code == 200
    ended = {"client_id": PHONE, "token": phone.tokens["refresh_token"]}
    assert (await phone.send("POST", "/revoke", ended)).status_code == 200


async def signals(world: World) -> None:
    """A stream, from its beginning to its end."""
    server = await hearing(world)
    stream_id = await server.begin()
    named, status = {"stream_id": stream_id}, {"stream_id": stream_id, "status": "enabled"}
    for method, path, body, expected in (
        ("GET", "/signals/stream", None, 200),
        ("GET", f"/signals/stream?stream_id={stream_id}", None, 200),
        ("PATCH", "/signals/stream", named, 200),
        ("GET", f"/signals/status?stream_id={stream_id}", None, 200),
        ("POST", "/signals/status", status, 200),
        ("POST", "/signals/verify", named, 204),
        ("POST", f"/signals/poll/{stream_id}", {"returnImmediately": True}, 200),
        ("PUT", "/signals/stream", named, 200),
        ("DELETE", f"/signals/stream?stream_id={stream_id}", None, 204),
    ):
        assert (await server.ask(method, path, body)).status_code == expected


@pytest.mark.anyio
@pytest.mark.requirement("A14")
async def test_what_the_authorization_server_answers_is_what_its_document_tells_of(
    world: World, works: Upstream
) -> None:
    world.app = witness = Witness(world.app)
    await everything(world)
    assert (await works.log_out()).status_code == 200
    good = set()
    for method, path, answer in witness.answers:
        for operation_id, operation in DOCUMENT.operations.items():
            if operation.method.upper() == method and _matches(operation.path, path):
                asked = dict.fromkeys(re.findall(r"{(\w+)}", operation.path), "trf_1")
                operation.Case(path_parameters=asked).validate_response(answer, checks=[*CHECKS, refusals_are_errors])
                good |= {operation_id} if answer.status_code < 400 else set()
    assert good == DOCUMENT.operations.keys()


def _matches(template: str, path: str) -> bool:
    parts, asked = template.split("/"), path.split("/")
    return len(parts) == len(asked) and all(
        "{" in part or part == word for part, word in zip(parts, asked, strict=True)
    )


class FuzzedServer:
    """One server; each request comes later and from another network, so that none is one too many."""

    def __init__(self, portal: BlockingPortal, world: World, desktop: Device) -> None:
        self._portal = portal
        self._world = world
        self._desktop = desktop
        self._networks = 0
        self._invitation = portal.call(lambda: invite(world, uses=1_000_000, lifetime=10**9))
        self._client = portal.call(registered, world)
        self._server: Hearing = portal.call(lambda: hearing(world, "listens"))
        self._stream_id = portal.call(self._server.begin)

    def fuzz(self, operation_id: str, *, examples: int, derandomize: bool = True) -> None:
        DOCUMENT.draw(operation_id, self._judge, examples=examples, derandomize=derandomize)

    def _judge(self, case: Case) -> None:
        answer = self._portal.call(self._answer, case)
        case.validate_response(answer, checks=[*CHECKS, refusals_are_errors])

    async def _answer(self, case: Case) -> httpx2.Response:
        self._networks += 1
        self._world.now += 3
        network = f"10.{self._networks >> 16}.{self._networks >> 8 & 255}.{self._networks & 255}"
        protected = case.path == "/transfer" or case.path.startswith("/transfer/{")
        meta = case.meta
        assert meta is not None
        token = await self._desktop.issuer_token() if protected else None
        if isinstance(case.body, dict) and not meta.is_negative_at(ParameterLocation.BODY):
            known = {"client_id": self._desktop.client_id, **self._desktop.request("v" * 43)}
            if case.path.startswith("/register"):
                known = described(client_id=self._client["client_id"])
            if case.path.startswith("/signals/"):
                known = {"stream_id": self._stream_id, "returnImmediately": True}
            case.body |= {name: known[name] for name in known.keys() & case.body.keys()}
        prepared = requests.Request(**case.as_transport_kwargs(base_url=ISSUER)).prepare()
        url = str(prepared.url)
        headers: dict[str, Any] = {name: value for name, value in prepared.headers.items() if name != "Authorization"}
        if case.path.startswith("/register"):
            return await self._manage(case, str(prepared.method), headers, prepared.body, network)
        sender: Device = self._desktop
        if case.path.startswith("/signals/"):
            sender = self._server
            await self._server.get_token()
            token = self._server.tokens["access_token"]
        if operation_id_of(case) == "introspection.introspect":
            headers["Authorization"] = "Basic " + requests.auth._basic_auth_str("store", "s" * 43).partition(" ")[2]
        transport = httpx2.ASGITransport(self._world.app, raise_app_exceptions=False, client=(network, 50000))
        async with httpx2.AsyncClient(transport=transport) as http:
            for _ in range(2):
                if not meta.is_negative_at(ParameterLocation.HEADER):
                    headers |= self._proofs(sender, str(prepared.method), url, token)
                fields = [(name.encode(), _bytes(value)) for name, value in headers.items()]
                answer = await http.request(str(prepared.method), url, content=prepared.body, headers=fields)
                sender.nonce = answer.headers.get("DPoP-Nonce", sender.nonce)
                if "use_dpop_nonce" not in answer.text + answer.headers.get("WWW-Authenticate", ""):
                    break
        return answer

    async def _manage(
        self, case: Case, method: str, headers: dict[str, Any], content: Any, network: str
    ) -> httpx2.Response:
        """With a token that is good, at the client that it is good for."""
        held = self._invitation if case.path == "/register" else self._client["registration_access_token"]
        path = "/register" if case.path == "/register" else f"/register/{self._client['client_id']}"
        assert case.meta is not None
        if not case.meta.is_negative_at(ParameterLocation.HEADER):
            headers |= {"Authorization": f"Bearer {held}"}
        fields = [(name.encode(), _bytes(value)) for name, value in headers.items()]
        answer = await self._world.http(network).request(method, path, content=content, headers=fields)
        if answer.status_code == 204:
            self._client = await registered(self._world)
        elif answer.status_code == 200 and case.path != "/register" and method == "PUT":
            self._client = answer.json()
        return answer

    def _proofs(self, sender: Device, method: str, url: str, token: str | None) -> dict[str, str]:
        address = url.partition("?")[0]
        proof = sender.key.proof(method, address, now=self._world.now, nonce=sender.nonce, access_token=token)
        return {"DPoP": proof} | ({} if token is None else {"Authorization": f"DPoP {token}"})


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzedServer]:
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    with start_blocking_portal() as portal:
        world = portal.call(lambda: open_world(folder, database_url=f"sqlite:///{folder}/authz.db", ephemeral_url=None))
        portal.call(everything, world)
        yield FuzzedServer(portal, world, portal.call(world.desktop))
        portal.call(world.aclose)


@pytest.mark.requirement("A14")
@pytest.mark.parametrize("operation_id", DOCUMENT.operations)
def test_whatever_is_asked_the_answer_is_one_that_the_document_tells_of(
    fuzzed: FuzzedServer, operation_id: str
) -> None:
    fuzzed.fuzz(operation_id, examples=EXAMPLES, derandomize=not FULL)


def a_shape_that_is_not_told(patch: pytest.MonkeyPatch) -> None:
    good = withdrawal.answered
    patch.setattr(withdrawal, "answered", lambda content: good({**content, "grants": "none"}))


def a_failure(patch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise MemoryError

    patch.setattr(form, "parse", fails)


@pytest.mark.parametrize(
    ("fault", "operation_id", "failure"),
    [
        (a_shape_that_is_not_told, "withdrawal.withdrawals", "JsonSchemaError"),
        (a_failure, "revocation.revoke", "ServerError"),
    ],
)
def test_a_fault_in_the_server_is_found(
    fuzzed: FuzzedServer, monkeypatch: pytest.MonkeyPatch, fault: Any, operation_id: str, failure: str
) -> None:
    fault(monkeypatch)
    with pytest.raises(FailureGroup) as found:
        fuzzed.fuzz(operation_id, examples=EXAMPLES)
    assert failure in {type(each).__name__ for each in found.value.exceptions}
