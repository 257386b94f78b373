"""Every member of every request body, with every strange value: refused or stored, and never a failure of ours."""

from typing import Any

import pytest
from resource_world import StoreWorld, event, item

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 2**53 - 1, -(2**53) + 1, 1.5, 1e308, "", " ", "\x00", "a\x00b", "\ufffe", "\U0010ffff"),
    *("'; DROP TABLE events; --", "%s%n{0}", "../..", "1.1", "x" * 3000, [], [[]], {}, {"\x00": "\x00"}, [None] * 200),
]
HEADERS = (
    *("If-Match", "If-None-Match", "Idempotency-Key", "Last-Event-ID"),
    *("Content-Type", "Accept", "Task-Session"),
)
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("PATCH", "", {"name": "New name", "budget": None}),
    ("POST", "/status", {"to": "active", "reason": None}),
    ("POST", "/name-proposals", {"name": "New name"}),
    ("POST", "/sessions", {"name": "Desktop", "transport": "web", "connection_id": None, "reason": "opened"}),
    ("POST", "/events", {"events": [event("x")], "session_id": None}),
    ("PUT", "/working-set/draft", item()),
    ("POST", "/tool-calls", {"tool": "t", "title": "T", "arguments": {}, "effect": "pure"}),
    ("POST", "/tool-calls/{call}/claim", {"lease": 60, "session_id": None, "reserves": None}),
    ("POST", "/usage", {"session_id": "s", "unit": "u", "amount": 1, "note": None, "call_id": None}),
    ("POST", "/tool-calls/{call}/start", {"fence": "1.1", "lease": 60}),
    ("POST", "/tool-calls/{call}/complete", {"fence": "1.1", "result": 1}),
    ("POST", "/tool-calls/{call}/cancel", {"fence": "1.1"}),
]


@pytest.mark.requirement("R37", "T7")
async def test_no_strange_value_in_a_body_makes_the_server_fail(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose("irreversible")
    for method, path, body in BODIES:
        headers = {"If-Match": '"1"'} if method in ("PATCH", "PUT") else {}
        for name in body:
            for value in STRANGE:
                content = {**body, name: value}
                answer = await device.send(method, path.format(call=call_id), json=content, headers=headers)
                assert answer.status_code < 500, (path, name, value, answer.text)
    view = await device.read("/resume")
    assert view["cursor"] == len(await device.log())


@pytest.mark.requirement("R37", "T7")
async def test_no_strange_value_inside_an_event_makes_the_server_fail(store: StoreWorld) -> None:
    device = store.device()
    for name in ("kind", "role", "body"):
        for value in STRANGE:
            answer = await device.post("/events", {"events": [{**event("x"), name: value}]})
            assert answer.status_code == (201 if name == "body" and isinstance(value, dict) else 400), (name, value)


@pytest.mark.requirement("R37", "T3")
async def test_no_strange_patch_makes_the_server_fail(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    for value in STRANGE:
        for patch in (value, *({name: value} for name in (*item(), "other"))):
            version = (await device.read("/working-set/draft"))["version"]
            headers = {"If-Match": f'"{version}"', "Content-Type": "application/merge-patch+json"}
            answer = await device.send("PATCH", "/working-set/draft", json=patch, headers=headers)
            assert answer.status_code in (200, 400, 422), (patch, answer.text)


@pytest.mark.requirement("R37")
async def test_no_strange_header_or_query_makes_the_server_fail(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    for value in (b"\xff", b"", b"*", b'""', b'"1', b"x" * 2000, b"1, 2", b"\xc2\xa0", b'W/"1"'):
        for name in (
            "If-Match",
            "If-None-Match",
            "Idempotency-Key",
            "Last-Event-ID",
            "Content-Type",
            "Accept",
            "Task-Session",
        ):
            for method, path in (("PUT", "/working-set/draft"), ("GET", "/working-set/draft"), ("GET", "/events")):
                content = item() if method == "PUT" else None
                answer = await device.send(method, path, json=content, headers={name: value})
                assert answer.status_code < 500, (method, path, name, value)
    for query in (
        "after=%00",
        "limit=%ff",
        "before=x",
        "after[]=1",
        "=",
        "&&&",
        "after=1;limit=2",
        "%",
        "access_token=x",
        "as_of=%00",
        "since=1e3&until=0x1",
        "device_id=%ff",
    ):
        for path in ("/events", "/tool-calls", "/resume", "/sessions", "/working-set", "/working-set/draft/versions"):
            assert (await device.get(f"{path}?{query}")).status_code < 500, (path, query)
