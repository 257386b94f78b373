"""A task store that answers every question about a task at once: what it costs is not measured here."""

import asyncio
import json
import sys

CARD = {
    "task_id": "task",
    "name": "Acme contract revision",
    "state": "",
    "owner": "person",
    "sensitivity": "normal",
    "running_tool_calls": 0,
    "last_at": 1,
    "role": "owner",
    "actions": [],
}
BODY = json.dumps(CARD).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Answering(asyncio.Protocol):
    """One answer for each end of a request's head; they have no bodies."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
