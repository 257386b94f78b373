"""The task store alone as a process, and an issuer that does nothing but serve its documents and sign tokens."""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from segue import jose
from segue.clock import now
from segue.testing import TestDevice, TestIssuer
from segue_storage.migrations import upgrade

from segue_bench.ground import Served, free_port, listens, started

OWNER = "usr_owner"
ACTIONS = ("task:read", "events:read", "events:append")


@dataclass(frozen=True)
class ServedStore:
    """A server at `address`, and the issuer that it trusts."""

    address: str
    issuer: TestIssuer
    served: Served

    def token(self, device: TestDevice, task_id: str) -> str:
        """For the owner of all tasks; it lasts five minutes, and so does a stream."""
        return self.issuer.token(device, task_id=task_id, sub=OWNER, actions=ACTIONS)

    def service_token(self) -> str:
        """What the authorization server signs for one request."""
        claims = {"iss": self.issuer.issuer, "aud": self.address, "sub": OWNER, "exp": now() + 30}
        header = {"typ": "segue-service+jwt", "kid": self.issuer.kid}
        return jose.sign(header, {**claims, "jti": secrets.token_urlsafe(16)}, self.issuer.private_key)


@contextmanager
def served_store(database: str, memory: str) -> Iterator[ServedStore]:
    """On empty databases at these URLs."""
    upgrade(database, "segue_resource")
    with TemporaryDirectory(prefix="segue-bench-") as name, _issuer() as issuer:
        folder, port = Path(name), free_port()
        issuer.audience = f"http://127.0.0.1:{port}"
        settings = {
            "SEGUE_STATE": name,
            "SEGUE_AUTHZ_ISSUER": issuer.issuer,
            "SEGUE_RESOURCE_URL": issuer.audience,
            "SEGUE_RESOURCE_DATABASE": database,
            "SEGUE_RESOURCE_REDIS": memory,
            "SEGUE_RESOURCE_KEY_FILE": f"{name}/resource.key",
            "SEGUE_RESOURCE_NONCE_SECRET_FILE": f"{name}/nonce-secret",
            "SEGUE_RESOURCE_BLOBS": (folder / "blobs").as_uri(),
        }
        (folder / "resource.key").write_text(jose.b64url_encode(secrets.token_bytes(32)))
        (folder / "nonce-secret").write_bytes(secrets.token_bytes(32))
        command = [str(Path(sys.executable).with_name("segue")), "resource", "--port", str(port)]
        with started(command, folder, lambda: listens(port), env=os.environ | settings) as served:  # noqa: TID251
            yield ServedStore(issuer.audience, issuer, served)


@contextmanager
def _issuer() -> Iterator[TestIssuer]:
    port = free_port()
    issuer = TestIssuer(issuer=f"http://127.0.0.1:{port}")

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

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Documents)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
