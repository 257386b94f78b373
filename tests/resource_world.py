"""A small world around the task store: a clock one can turn, an issuer, devices with tokens, on either storage set."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
from made_tables import fresh_tables
from segue import jose
from segue.authority import ACTIONS
from segue.testing import TestDevice, TestIssuer
from segue_resource.app import create_app
from segue_resource.domain.resume import ParagraphWriter
from segue_resource.endpoints.beside import Beside
from segue_resource.settings import Settings
from segue_resource.stores.files.blob_files import BlobFiles
from segue_resource.stores.files.blobs import BlobStore
from segue_resource.stores.keys.key_wrapper import KeyWrapper
from segue_storage.database import Database, open_database
from segue_storage.ephemeral import Ephemeral, open_ephemeral
from segue_storage.watching import Watcher

ISSUER = "https://id.example"
STORE = "https://tasks.example"
OWNER = "usr_owner"
TASK = "tsk_contract"
NAME = "Acme contract revision"
START = 1_800_000_000


@dataclass
class StoreWorld:
    """`now` can be turned."""

    settings: Settings
    database: Database
    ephemeral: Ephemeral
    blobs: BlobStore
    issuer: TestIssuer
    now: int = START
    paragraph_writer: ParagraphWriter | None = None
    key_wrapper: KeyWrapper | None = None
    beside: Callable[[Any], Beside] | None = None
    telemetry: Watcher | None = None
    app: Any = None
    lifespan: "Lifespan | None" = None
    http: httpx2.AsyncClient = field(init=False)

    def clock(self) -> int:
        return self.now

    async def restart(self) -> None:
        """A new server process on the same state."""
        await self.stop()
        self.app = create_app(
            self.settings,
            database=self.database,
            ephemeral=self.ephemeral,
            blobs=self.blobs,
            fetch=lambda url: self.issuer.fetch(url),  # whatever the issuer does by then
            clock=self.clock,
            random=secrets.token_bytes,
            paragraph_writer=self.paragraph_writer,
            key_wrapper=self.key_wrapper,
            beside=self.beside,
            telemetry=self.telemetry,
        )
        self.lifespan = Lifespan(self.app)
        await self.lifespan.start()
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=STORE)

    async def stop(self) -> None:
        if self.lifespan is not None:
            await self.lifespan.stop()
            await self.http.aclose()
        self.lifespan = None

    async def later(self, seconds: int) -> None:
        """Turn the clock, with a new server: to the old one the issuer would seem silent for long."""
        self.now += seconds
        await self.restart()

    def device(self, **token: Any) -> "Device":
        """A device of the owner with a token for the task; `token` changes what the token says."""
        return Device(self, TestDevice(clock=self.clock), token)

    def service_token(self, sub: str | None = OWNER, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """What the authorization server signs for one request; None removes a claim."""
        content = {
            "iss": ISSUER,
            "aud": STORE,
            "sub": sub,
            "iat": self.now,
            "exp": self.now + 30,
            "jti": secrets.token_urlsafe(16),
            **claims,
        }
        head = {"typ": "segue-service+jwt", "kid": self.issuer.kid, **(header or {})}
        present = {name: value for name, value in content.items() if value is not None}
        return jose.sign(head, present, self.issuer.private_key)

    async def cards(self, method: str, path: str = "", *, token: str | None = None, **sent: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token or self.service_token()}"}
        return await self.http.request(method, f"/task-cards{path}", headers=headers, **sent)

    async def begin(self, task_id: str = TASK, *, name: str = NAME, sub: str = OWNER) -> None:
        """A new task, as the authorization server makes it."""
        content = {"name": name, "name_source": "agent_proposed"}
        answer = await self.cards("PUT", f"/{task_id}", token=self.service_token(sub), json=content)
        assert answer.status_code == 201, answer.text


def digest_of(body: bytes | str) -> str:
    """As `asks` of a service token has it."""
    return jose.b64url_encode(sha256(body.encode() if isinstance(body, str) else body).digest())


class Lifespan:
    """Starts and stops an ASGI application as a server does."""

    def __init__(self, app: Any) -> None:
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.create_task(app(scope, self._said.get, self._heard.put))

    async def start(self) -> None:
        await self._said.put({"type": "lifespan.startup"})
        assert (await self._heard.get())["type"] == "lifespan.startup.complete"

    async def stop(self) -> None:
        await self._said.put({"type": "lifespan.shutdown"})
        assert (await self._heard.get())["type"] == "lifespan.shutdown.complete"
        await self._task


class Device:
    """A device with a key and one token. Remembers the server's nonce."""

    def __init__(self, world: StoreWorld, key: TestDevice, token: dict[str, Any]) -> None:
        self.world = world
        self.key = key
        self.claims = {"task_id": TASK, "sub": OWNER, "actions": ACTIONS, **token}
        self.task = f"/tasks/{self.claims['task_id']}"
        self.nonce: str | None = None
        self.refresh()

    @property
    def device_id(self) -> str:
        return f"dev_{self.key.jkt[:16]}"

    def refresh(self, **token: Any) -> None:
        """A new token by the same key, perhaps saying something else."""
        self.claims |= token
        self.token = self.world.issuer.token(self.key, **self.claims)

    def after_move(self, epoch: int) -> "Device":
        """Another device of the person, which got the task by a move."""
        return self.world.device(**{**self.claims, "epoch": epoch, "transfer_id": "trf_1"})

    async def send(self, method: str, path: str, **sent: Any) -> httpx2.Response:
        """One request to an address, or to a part of the task; once more if the server wants its nonce."""
        url = path if path.startswith("/tasks") else self.task + path
        extra = sent.pop("headers", {})
        for _ in range(2):
            headers = self.key.headers(method, STORE + url.partition("?")[0], self.token, nonce=self.nonce)
            answer = await self.world.http.request(method, url, headers={**headers, **extra}, **sent)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break
        return answer

    async def get(self, path: str = "", **sent: Any) -> httpx2.Response:
        return await self.send("GET", path, **sent)

    async def read(self, path: str = "") -> Any:
        """The JSON of a GET that must work."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, content: Any = None, *, key: str | None = None) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.send("POST", path, json={} if content is None else content, headers=headers)

    async def say(self, text: str, *, key: str | None = None) -> httpx2.Response:
        """Append one event."""
        return await self.post("/events", {"events": [event(text)]}, key=key)

    async def put(
        self, item_id: str, item: Any, *, version: int | None = None, key: str | None = None
    ) -> httpx2.Response:
        """Create the item, or replace it at a version."""
        headers = {"If-None-Match": "*"} if version is None else {"If-Match": f'"{version}"'}
        headers |= {} if key is None else {"Idempotency-Key": key}
        return await self.send("PUT", f"/working-set/{item_id}", json=item, headers=headers)

    async def propose(self, effect: str = "idempotent", **call: Any) -> str:
        """A new tool call; its id."""
        content = {"tool": "compare", "title": "Compare the clauses", "arguments": {"clause": 7}, "effect": effect}
        answer = await self.post("/tool-calls", content | call)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["call_id"])

    async def step(self, call_id: str, verb: str, **content: Any) -> httpx2.Response:
        return await self.post(f"/tool-calls/{call_id}/{verb}", content)

    async def running(self, effect: str = "idempotent", *, lease: int = 60) -> tuple[str, str]:
        """A tool call that this device runs; its id and the fence."""
        call_id = await self.propose(effect)
        await self.step(call_id, "approve")
        fence = (await self.step(call_id, "claim", lease=lease)).json()["fence"]
        started = await self.step(call_id, "start", fence=fence, lease=lease)
        assert started.status_code == 200, started.text
        return call_id, fence

    async def log(self) -> list[dict[str, Any]]:
        """The whole log."""
        events: list[dict[str, Any]] = []
        while True:
            page = await self.read(f"/events?after={len(events)}&limit=1000")
            events += page["events"]
            if len(events) == page["head"]:
                return events

    @asynccontextmanager
    async def follow(self, *, query: str = "", last_event_id: int | None = None) -> AsyncIterator["Stream"]:
        """The live log, as the ASGI server would ask for it. Leaves at the end."""
        await self.get()  # so that the nonce is fresh
        headers = self.key.headers("GET", f"{STORE}{self.task}/events", self.token, nonce=self.nonce)
        headers |= {"Accept": "text/event-stream"}
        headers |= {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        stream = Stream(self.world.app, f"{self.task}/events", query, headers)
        try:
            yield stream
        finally:
            await stream.leave()


class Stream:
    """One answer that is read as it comes."""

    def __init__(self, app: Any, path: str, query: str, headers: dict[str, str]) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._left = asyncio.Event()
        self._rest = b""
        self._ended = False
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("192.0.2.1", 50000),
            "server": ("tasks.example", 443),
        }
        self.task = asyncio.create_task(app(scope, self._receive, self.messages.put))

    async def start(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        message = await asyncio.wait_for(self.messages.get(), 10)
        return message["status"], {name.decode(): value.decode() for name, value in message["headers"]}

    async def block(self) -> dict[str, str]:
        """The next block of the stream: its fields, `comment` for a comment. Empty at the end."""
        while b"\n\n" not in self._rest and not self._ended:
            message = await asyncio.wait_for(self.messages.get(), 10)
            if message["type"] == "http.response.body":
                self._rest += message["body"]
                self._ended = not message.get("more_body")
        block, _, self._rest = self._rest.partition(b"\n\n")
        pairs = (line.split(":", 1) for line in block.decode().splitlines())
        return {name or "comment": value.strip() for name, value in pairs}

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next events of the log."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            block = await self.block()
            if "id" in block:
                found.append(json.loads(block["data"]))
                assert str(found[-1]["seq"]) == block["id"]
        return found

    async def leave(self) -> None:
        """The client hangs up."""
        self._left.set()
        await asyncio.wait_for(self.task, 10)

    async def _receive(self) -> dict[str, Any]:
        if not self._left.is_set():
            await self._left.wait()
        return {"type": "http.disconnect"}


def event(text: str, *, role: str = "agent") -> dict[str, Any]:
    return {"kind": "message", "role": role, "body": {"text": text}}


def item(title: str = "Liability is capped", **members: str) -> dict[str, str]:
    return {"type": "decision", "title": title, "body": "Agreed with counsel.", "status": "settled", **members}


def texts(events: Iterable[dict[str, Any]]) -> list[str]:
    """What the messages among the events say."""
    return [found["body"]["text"] for found in events if found["kind"] == "message"]


@asynccontextmanager
async def open_store_world(
    folder: Path, *, database_url: str, ephemeral_url: str | None, beside: Callable[[Any], Beside] | None = None
) -> AsyncIterator[StoreWorld]:
    fresh_tables(database_url, "segue_resource")
    key_file = folder / "master.key"
    key_file.write_text(jose.b64url_encode(secrets.token_bytes(32)))
    settings = Settings(url=STORE, issuer=ISSUER, database=database_url, key_file=key_file)
    turnable: list[Callable[[], int]] = []
    clock = lambda: turnable[0]() if turnable else START  # noqa: E731
    world = StoreWorld(
        settings,
        open_database(database_url, threads=4),
        open_ephemeral(ephemeral_url, clock),
        BlobFiles(folder / "blobs"),
        TestIssuer(issuer=ISSUER, audience=STORE, clock=clock),
        beside=beside,
    )
    turnable.append(world.clock)
    await world.restart()
    yield world
    await world.stop()
    await world.ephemeral.aclose()
    await world.database.aclose()
