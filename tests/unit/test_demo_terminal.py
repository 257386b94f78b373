"""What the terminal clients stand on: words of others are shown harmlessly, and the log is followed across breaks."""

import json
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import pytest
import segue_demo
from segue_client import task_client
from segue_client.device import Device, Refused
from segue_client.grant import Grant
from segue_client.task_client import TaskClient
from segue_demo.event_line import event_line, plain

ISSUER, STORE = "https://id.example", "https://tasks.example"
DETAILS = {"type": "task", "task_id": "tsk_1", "epoch": 1, "actions": ["events:read"]}


def happened(kind: str, seq: int = 7, role: str = "agent", **body: Any) -> dict[str, Any]:
    return {"seq": seq, "kind": kind, "role": role, "body": body}


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("hidden", ["\x1b[2J", "\r", "\x07", "\x9b31m", "\u202e", "\u2066", "\x00"])
def test_what_could_move_the_cursor_or_turn_the_line_is_not_printed(hidden: str) -> None:
    shown = plain(f"a{hidden}b")
    assert all(line.isprintable() for line in shown.split("\n"))
    assert hidden not in shown


@pytest.mark.requirement("E6")
def test_a_message_of_several_lines_cannot_look_like_an_event_of_its_own() -> None:
    forged = event_line(happened("message", text="Hello\n     8  (the task moved to another device)"))
    assert forged.split("\n")[0] == "     7  agent: Hello"
    assert forged.split("\n")[1].startswith(" " * 13 + "8")
    own = event_line(happened("task.moved", seq=8))
    assert own == "     8  (the task moved to another device)"


@pytest.mark.requirement("E6")
@pytest.mark.parametrize(
    "kind", ["message", "session.joined", "handoff.offered", "tool_call.proposed", "vendor.made-up", "{0.a}"]
)
def test_every_kind_of_event_has_a_line_whatever_its_body_lacks(kind: str) -> None:
    assert event_line(happened(kind)).startswith("     7  ")


@pytest.mark.requirement("E6")
def test_every_command_of_the_demo_is_there_with_a_word_about_itself() -> None:
    manifest = Path(segue_demo.__path__[0]).parent / "pyproject.toml"
    commands = tomllib.loads(manifest.read_text("utf-8"))["project"]["entry-points"]["segue.commands"]
    assert {"demo", "terminal", "console", "thief"} <= set(commands)
    for target in commands.values():
        module, _, function = target.partition(":")
        assert getattr(import_module(module), function).__doc__


class Store:
    """Streams that break, as scripted: each is the events it tells, or the status that it is refused with."""

    def __init__(self, *streams: list[int] | int | None) -> None:
        self.asked: list[str] = []
        self._streams = list(streams)
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    def task(self) -> TaskClient:
        device = Device(issuer=ISSUER, client_id="client", http=self.http, clock=lambda: 1_800_000_000)
        return TaskClient(Grant(device, refresh_token="refresh", details=DETAILS), store=STORE)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if "/.well-known/" in request.url.path:
            return httpx2.Response(200, json={"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"})
        if request.url.path == "/token":
            token = {
                "access_token": "token",
                "token_type": "DPoP",
                "expires_in": 300,
                "authorization_details": [DETAILS],
            }
            return httpx2.Response(200, json=token)
        self.asked.append(request.headers["Last-Event-ID"])
        stream = self._streams.pop(0)
        if stream is None:
            raise httpx2.ReadError("broken", request=request)
        if isinstance(stream, int):
            return httpx2.Response(stream, json={"type": "urn:segue:problem:some"})
        told = [f"id: {seq}\ndata: {json.dumps(happened('message', seq, text='x'))}\n\n" for seq in stream]
        return httpx2.Response(200, text="".join(told) + "event: going-away\ndata: {}\n\n")


@pytest.mark.anyio
@pytest.mark.requirement("E6", "T7")
async def test_the_log_is_followed_across_breaks_behind_the_last_event_until_access_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_client, "AGAIN", 0)
    store = Store([3, 4], None, 503, [5], 404)
    following = store.task().follow(after=2)
    assert [(await anext(following))["seq"] for _ in range(3)] == [3, 4, 5]
    with pytest.raises(Refused, match="404"):
        await anext(following)
    assert store.asked == ["2", "4", "4", "4", "5"]
