"""The task store with its door for MCP clients, in process, and the official SDK's client at it."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.extension import ClientExtension
from mcp.client.streamable_http import streamable_http_client
from resource_world import STORE, TASK, Device, StoreWorld, open_store_world
from segue_mcp.app import mcp_beside

MCP = f"{STORE}/mcp"
MODERN, EARLIER = "2026-07-28", "legacy"


@asynccontextmanager
async def open_mcp_world(folder: Path) -> AsyncIterator[StoreWorld]:
    url = f"sqlite:///{folder}/resource.db"
    async with open_store_world(folder, database_url=url, ephemeral_url=None, beside=mcp_beside(STORE)) as world:
        await world.begin()
        yield world


def at_mcp(world: StoreWorld, **token: Any) -> Device:
    """A device of the owner with a token for the MCP server, and for that alone."""
    return world.device(**{"aud": MCP, **token})


class Proved(httpx2.Auth):
    """The device's token and a proof with every request, and once more if the server wants its nonce."""

    def __init__(self, device: Device) -> None:
        self._device = device

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        device = self._device
        for _ in range(2):
            url = str(request.url).partition("?")[0]
            request.headers.update(device.key.headers(request.method, url, device.token, nonce=device.nonce))
            answer = yield request
            device.nonce = answer.headers.get("DPoP-Nonce", device.nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break


class Heard(list[httpx2.Response]):
    """The HTTP answers that a client got, the last one at the end."""

    async def __call__(self, answer: httpx2.Response) -> None:
        if answer.is_error:
            await answer.aread()
        self.append(answer)


@asynccontextmanager
async def connected(
    device: Device, *, mode: str = MODERN, heard: Heard | None = None, extensions: Sequence[ClientExtension] = ()
) -> AsyncIterator[Client]:
    """The SDK's client as the device."""
    transport = httpx2.ASGITransport(app=device.world.app)
    hooks = {"response": [heard]} if heard is not None else {}
    async with (
        httpx2.AsyncClient(transport=transport, auth=Proved(device), event_hooks=hooks) as http,
        Client(streamable_http_client(MCP, http_client=http), mode=mode, extensions=extensions) as client,
    ):
        yield client


def uri(path: str = "", *, task_id: str = TASK) -> str:
    """Of a part of the task."""
    return f"segue://tasks/{task_id}{path}"
