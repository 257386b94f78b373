"""The task store as a process, as `segue resource` runs it, and an issuer that only serves its documents."""

import asyncio
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx2
from segue import jose
from segue.authority import ACTIONS
from segue.testing import TestDevice, TestIssuer
from server_process import await_answer, end, free_port, spawn

SEGUE = Path(sys.executable).with_name("segue")


class Process:
    """One server at `url`. `kill` and `start` as often as a test wants."""

    def __init__(self, folder: Path, issuer: TestIssuer, *words: str, **environment: str) -> None:
        port = free_port()
        self.url = issuer.audience = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.issuer = issuer
        self.command = [str(SEGUE), "resource", "--port", str(port), *words]
        self.environment = {
            **os.environ,
            "SEGUE_STATE": str(folder),
            "SEGUE_RESOURCE_URL": self.url,
            "SEGUE_AUTHZ_ISSUER": issuer.issuer,
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._devices: list[ProcessDevice] = []

    def start(self) -> None:
        self.process = spawn(self.command, self.folder, env=self.environment, start_new_session=True)
        await_answer(self.process, self.folder, self._answers)

    def kill(self) -> None:
        """kill -9, with all its workers."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        process, self.process = self.process, None
        end(process, signal.SIGTERM)
        return int(process.returncode)

    def fails(self) -> str:
        """Run it, which must end by itself; what it printed."""
        ended = subprocess.run(self.command, env=self.environment, capture_output=True, timeout=20, check=False)
        assert ended.returncode == 1
        return ended.stderr.decode()

    def begin(self, task_id: str) -> None:
        """A new task, as the authorization server makes it."""
        now = self.issuer._clock()
        claims = {"iss": self.issuer.issuer, "aud": self.url, "sub": "usr_test", "exp": now + 30}
        header = {"typ": "segue-service+jwt", "kid": self.issuer.kid}
        token = jose.sign(header, {**claims, "jti": secrets.token_urlsafe()}, self.issuer.private_key)
        content = {"name": "Task", "name_source": "person"}
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx2.put(f"{self.url}/task-cards/{task_id}", json=content, headers=headers)
        assert answer.status_code == 201, answer.text

    def token_for(self, jkt: str, task_id: str) -> str:
        """A token for a device in a process of its own, which has its key."""
        device = TestDevice()
        device.jkt = jkt
        return self.issuer.token(device, task_id=task_id, actions=ACTIONS)

    def device(self, task_id: str = "tsk_test") -> "ProcessDevice":
        self._devices.append(ProcessDevice(self, task_id))
        return self._devices[-1]

    def close(self) -> None:
        """The end of the test."""
        self.kill()
        for device in self._devices:
            device.http.close()

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False


class ProcessDevice:
    """A device with a token for one task. Raises httpx2's errors when the server is not there."""

    def __init__(self, server: Process, task_id: str) -> None:
        self.server = server
        self.task_id = task_id
        self.key = TestDevice()
        self.token = server.issuer.token(self.key, task_id=task_id, actions=ACTIONS)
        self.url = f"{server.url}/tasks/{task_id}"
        self.http = httpx2.Client(timeout=10)
        self.nonce: str | None = None

    def request(self, method: str, path: str, **sent: Any) -> httpx2.Response:
        extra = sent.pop("headers", {})
        for _ in range(2):
            url = self.url + path
            headers = self.key.headers(method, url.partition("?")[0], self.token, nonce=self.nonce)
            answer = self.http.request(method, url, headers={**headers, **extra}, **sent)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break
        return answer

    def say(self, text: str) -> httpx2.Response:
        """Append one event under a key of its own, so that it may be said again."""
        content = {"events": [{"kind": "message", "role": "agent", "body": {"text": text}}]}
        return self.request("POST", "/events", json=content, headers={"Idempotency-Key": text})

    def log(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while True:
            page = self.request("GET", f"/events?after={len(events)}&limit=1000").json()
            events += page["events"]
            if len(events) == page["head"]:
                return events

    @contextmanager
    def follow(self, after: int) -> Iterator[Iterator[str]]:
        """The lines of the live log."""
        self.request("GET", "")
        headers = self.key.headers("GET", f"{self.url}/events", self.token, nonce=self.nonce)
        headers |= {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with self.http.stream("GET", f"{self.url}/events", headers=headers) as answer:
            assert answer.status_code == 200
            yield answer.iter_lines()


class WithdrawingIssuer(TestIssuer):
    """One that tells which grants are withdrawn, as the authorization server does (specs/protocol.md section 10)."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._withdrawn: list[str] = []

    def withdraw(self, device: TestDevice) -> None:
        """The grant of the device's tokens."""
        grant_id = f"grt_{device.jkt[:16]}"
        self._withdrawn.append(jose.b64url_encode(hashlib.sha256(grant_id.encode()).digest()))

    async def fetch(self, url: str) -> bytes:
        if "/withdrawals" not in url:
            document = json.loads(await super().fetch(url))
            endpoint = {"withdrawal_endpoint": f"{self.issuer}/withdrawals"} if "issuer" in document else {}
            return json.dumps(document | endpoint).encode()
        asked = dict(parse_qsl(urlsplit(url).query))
        until = time.monotonic() + float(asked["wait"])
        while asked.get("seen") == str(len(self._withdrawn)) and time.monotonic() < until:  # noqa: ASYNC110 - told by another thread
            await asyncio.sleep(0.02)
        return json.dumps({"grants": self._withdrawn, "tag": str(len(self._withdrawn))}).encode()


Issuer = TypeVar("Issuer", bound=TestIssuer)


@contextmanager
def serving_issuer(kind: type[Issuer] = TestIssuer) -> Iterator[Issuer]:  # type: ignore[assignment]
    """An issuer whose metadata and keys can be had over HTTP."""
    port = free_port()
    issuer = kind(issuer=f"http://127.0.0.1:{port}")

    class Documents(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                content = asyncio.run(issuer.fetch(issuer.issuer + self.path))
            except OSError:
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return None

    server = ThreadingHTTPServer(("127.0.0.1", port), Documents)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
