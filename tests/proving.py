"""A way over the network that proves a key, for client libraries that know no DPoP and are not to be changed."""

import httpx2
from authz_world import World
from segue.device_key import DeviceKey


class Proving(httpx2.AsyncBaseTransport):
    """To the world's authorization server; every request to one of `paths` has a proof, once more with a new nonce."""

    def __init__(self, world: World, *paths: str) -> None:
        self._world = world
        self._paths = paths
        self._inner = httpx2.ASGITransport(app=world.app, client=(world.network, 50000))
        self.key = DeviceKey.generate()
        self._nonce: str | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        for _ in range(2):
            if request.url.path in self._paths:
                proof = self.key.proof("POST", str(request.url), now=self._world.now, nonce=self._nonce)
                request.headers["DPoP"] = proof
            answer = await self._inner.handle_async_request(request)
            await answer.aread()
            self._nonce = answer.headers.get("DPoP-Nonce", self._nonce)
            if request.url.path not in self._paths or "use_dpop_nonce" not in answer.text:
                break
        return answer
