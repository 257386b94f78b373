"""The authorization server over https on this machine, in a thread of its own, with a clock that a test can turn."""

import asyncio
import base64
import hashlib
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from authz_world import World, open_world
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from segue.clock import now
from segue_demo.certificate import self_made
from segue_demo.running import listening
from segue_demo.servers import serving

HOST = "localhost"
Result = TypeVar("Result")


@dataclass
class HttpsWorld:
    """`heard` is each request, with the status it got: `POST /sign-in 303`; `spki` names the server's key."""

    world: World
    issuer: str
    spki: str
    trust: ssl.SSLContext
    loop: asyncio.AbstractEventLoop
    heard: list[str] = field(default_factory=list)

    def later(self, seconds: int) -> None:
        """Turn the server's clock on."""
        self.world.now += seconds

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do it where the server runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def app(self, inner: Any) -> Any:
        """The server, overheard."""

        async def overheard(scope: Any, receive: Any, send: Any) -> None:
            async def told(message: Any) -> None:
                if message["type"] == "http.response.start":
                    self.heard.append(f"{scope['method']} {scope['path']} {message['status']}")
                await send(message)

            await inner(scope, receive, told if scope["type"] == "http" else send)

        return overheard


@contextmanager
def https_world(folder: Path) -> Iterator[HttpsWorld]:
    serving_thread = _Thread(folder)
    serving_thread.start()
    serving_thread.ready.wait()
    try:
        if serving_thread.world is None:
            raise RuntimeError("the server does not start") from serving_thread.failure
        yield serving_thread.world
    finally:
        serving_thread.stop()


class _Thread(threading.Thread):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.ready = threading.Event()
        self.world: HttpsWorld | None = None
        self.failure: BaseException | None = None
        self._folder = folder

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            self.failure = failure
        finally:
            self.ready.set()

    def stop(self) -> None:
        if self.world is not None and self.is_alive():
            self.world.loop.call_soon_threadsafe(self._over.set)
        self.join()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        with listening("127.0.0.1", [0]) as listeners:
            issuer = f"https://{HOST}:{listeners[0].getsockname()[1]}"
            certificate = self_made(self._folder, host=HOST, now=now())
            loaded = x509.load_pem_x509_certificate(certificate.certificate.read_bytes())
            key = loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            spki = base64.b64encode(hashlib.sha256(key).digest()).decode()
            trust = ssl.create_default_context(cafile=str(certificate.certificate))
            url = f"sqlite:///{self._folder}/authz.db"
            world = await open_world(self._folder, database_url=url, ephemeral_url=None)
            world.settings = replace(world.settings, issuer=issuer)
            world.restart()
            opened = HttpsWorld(world, issuer, spki, trust, asyncio.get_running_loop())
            try:
                async with serving([opened.app(world.app)], listeners, certificate=certificate):
                    self.world = opened
                    self.ready.set()
                    await self._over.wait()
            finally:
                await world.aclose()
