"""A Messages API on this machine that answers as it is told, for the real Claude Code of the SDK's wheel."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Block = dict[str, Any]


def text(said: str) -> Block:
    return {"type": "text", "text": said}


def tool_use(call_id: str, tool: str, **arguments: Any) -> Block:
    return {"type": "tool_use", "id": call_id, "name": tool, "input": arguments}


class ScriptedClaude:
    """One device's model: `answers` are given in their order. What was asked is in `asked`, what else in `strayed`."""

    def __init__(self, url: str, home: Path) -> None:
        self.answers: list[list[Block]] = []
        self.asked: list[list[dict[str, Any]]] = []
        self.strayed: list[str] = []
        self.directory = home / f"{home.name} at work"
        self.directory.mkdir(parents=True)
        self.environment = {
            "HOME": str(home),
            "CLAUDE_CONFIG_DIR": str(home / "claude"),
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "scripted",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "HTTPS_PROXY": url,  # what would leave the machine comes here, and is refused
            "NO_PROXY": "127.0.0.1",
        }

    def results(self) -> list[Block]:
        """The results of tools that the model was last shown."""
        contents = [message["content"] for message in self.asked[-1]]
        blocks = [block for content in contents if isinstance(content, list) for block in content]
        return [block for block in blocks if block["type"] == "tool_result"]


@contextmanager
def scripted_claude(home: Path) -> Iterator[ScriptedClaude]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.partition("?")[0] != "/v1/messages":
                self.do_CONNECT()
                return
            if not model.answers:
                self.refuse()
                return
            model.asked.append(asked["messages"])
            answer = _stream(len(model.asked), model.answers.pop(0))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_CONNECT(self) -> None:
            model.strayed.append(f"{self.command} {self.path}")
            self.refuse()

        def refuse(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_CONNECT  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model = ScriptedClaude(f"http://127.0.0.1:{server.server_port}", home)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _stream(number: int, blocks: list[Block]) -> bytes:
    """One message as the API streams it."""
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": []}
    ended = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
    usage = {"input_tokens": 1, "output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}}
    ]
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            empty, delta = text(""), {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events += [
            {"type": "content_block_start", "index": index, "content_block": empty},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    events += [
        {"type": "message_delta", "delta": {"stop_reason": ended, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
