"""A task store that answers every question about a task at once: what it costs is not measured here."""

import asyncio
import json
import re
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
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def answer(asked: bytes) -> bytes:
    """To a body that asks for names of tasks, or to none, which asks for a card."""
    named = {"name": CARD["name"], "owner": CARD["owner"]}
    content = json.dumps({"names": [named] * asked.count(b'"task_id"')} if asked else CARD).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d" % len(content) + _END + content


class Answering(asyncio.Protocol):
    """One answer for each request that has come whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._heard = b""

    def data_received(self, data: bytes) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._heard += data
        while _END in self._heard:
            head, _, rest = self._heard.partition(_END)
            length = int(found[1]) if (found := _LENGTH.search(head)) else 0
            if len(rest) < length:
                return
            self._heard = rest[length:]
            self._transport.write(answer(rest[:length]))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
