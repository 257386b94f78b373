"""The task store with its door for A2A clients, in process, and the official SDK's client at it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from a2a.client.client import Client, ClientCallContext, ClientConfig
from a2a.client.client_factory import create_client
from a2a.types.a2a_pb2 import Message, Part, SendMessageRequest, StreamResponse, Task
from resource_world import STORE, Device, StoreWorld, open_store_world
from segue_a2a.app import a2a_beside

A2A = f"{STORE}/a2a"


@asynccontextmanager
async def open_a2a_world(folder: Path) -> AsyncIterator[StoreWorld]:
    url = f"sqlite:///{folder}/resource.db"
    async with open_store_world(folder, database_url=url, ephemeral_url=None, beside=a2a_beside(STORE)) as world:
        await world.begin()
        yield world


def at_a2a(world: StoreWorld, **token: Any) -> Device:
    """A device of the owner with a token for the A2A server, and for that alone."""
    return world.device(**{"aud": A2A, **token})


class Proved(httpx.Auth):
    """The device's token and a proof with every request, and once more if the server wants its nonce."""

    def __init__(self, device: Device) -> None:
        self._device = device

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        device = self._device
        for _ in range(2):
            url = str(request.url).partition("?")[0]
            request.headers.update(device.key.headers(request.method, url, device.token, nonce=device.nonce))
            answer = yield request
            device.nonce = answer.headers.get("DPoP-Nonce", device.nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break


class Streams:
    """The app, and whether it has begun a stream: what the first update tells has been read by then."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.begun = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def heard(message: Any) -> None:
            if (b"content-type", b"text/event-stream") in message.get("headers", ()):
                self.begun.set()
            await send(message)

        await self._app(scope, receive, heard)


@asynccontextmanager
async def connected(
    device: Device,
    *,
    streaming: bool = True,
    polling: bool = False,
    heard: list[httpx.Response] | None = None,
    app: Streams | None = None,
) -> AsyncIterator[Client]:
    """The SDK's client as the device: it finds the card by the store's address, as any client would."""

    async def hear(answer: httpx.Response) -> None:
        if heard is not None:
            heard.append(answer)

    transport = httpx.ASGITransport(app=app or device.world.app)
    async with httpx.AsyncClient(transport=transport, auth=Proved(device), event_hooks={"response": [hear]}) as http:
        config = ClientConfig(streaming=streaming, polling=polling, httpx_client=http)
        yield await create_client(STORE, config)


def said(text: str, *, message_id: str = "msg-1", **message: Any) -> SendMessageRequest:
    """What a person says."""
    parts = message.pop("parts", [Part(text=text)])
    return SendMessageRequest(message=Message(message_id=message_id, role="ROLE_USER", parts=parts, **message))


async def sent(client: Client, request: SendMessageRequest) -> Task:
    """Without a stream: the task that the message was answered with."""
    (answer,) = [answer async for answer in client.send_message(request)]
    return answer.task


def since(cursor: int) -> ClientCallContext:
    """For a stream that goes on behind an update."""
    return ClientCallContext(service_parameters={"Last-Event-ID": str(cursor)})


def state(of: Task | StreamResponse) -> str:
    """Without its prefix, small."""
    task = of if isinstance(of, Task) else (of.task if of.HasField("task") else of.status_update)
    name = task.status.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[task.status.state].name
    return name.removeprefix("TASK_STATE_").lower()


def texts(messages: Any) -> list[str]:
    return [message.parts[0].text for message in messages]
