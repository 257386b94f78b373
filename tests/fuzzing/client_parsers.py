"""What a device reads of servers: challenges, problem documents and OAuth errors."""

import contextlib
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from segue_client.device import Refused, accepted
from segue_client.protected_resource import described
from segue_demo.event_line import plain

from fuzzing.parser import parser, text, waited

ASKED = httpx2.Request("GET", "https://tasks.example/tasks/tsk_1")
ROOT = "https://tasks.example/.well-known/oauth-protected-resource"
UNNAMED = [f"{ROOT}/tasks/tsk_1", ROOT]
"""Where the description is looked for if the challenge does not say where it is."""


@parser(
    "challenge",
    "segue_client.protected_resource:described",
    seeds=[
        b'DPoP error="invalid_token", resource_metadata="https://tasks.example/.well-known/oauth-protected-resource"',
        b'DPoP resource_metadata="http://["',
        b"DPoP",
        b'Bearer realm="x", DPoP algs="ES256"',
    ],
)
def challenge(data: bytes) -> None:
    fetched: list[str] = []

    async def get(url: str) -> httpx2.Response:
        fetched.append(str(httpx2.URL(url)))
        return httpx2.Response(404, json={"title": "none"}, request=ASKED)

    answer = httpx2.Response(401, headers=[(b"www-authenticate", data)], request=ASKED)
    http: Any = SimpleNamespace(get=get)
    with contextlib.suppress(httpx2.InvalidURL):  # as the client says of any address that is none
        with pytest.raises(Refused) as refused:
            waited(described(answer, http=http))
        assert (fetched == UNNAMED) == (refused.value.error == "no_metadata")
        assert len(fetched) == 1 or fetched == UNNAMED


@parser(
    "problem",
    "segue_client.device:accepted",
    seeds=[
        b'{"type":"urn:segue:problem:not-found","title":"t","status":404,"detail":"d"}',
        b'{"error":"invalid_grant","error_description":"no"}',
        b'{"error":["x"],"title":{}}',
        b"[]",
        b'"x"',
        b"\xff",
        b"",
        b"[" * 5000,
    ],
)
def problem(data: bytes) -> None:
    accepted(httpx2.Response(200, content=data, request=ASKED))
    for status in (400, 503):
        with pytest.raises(Refused) as refused:
            accepted(httpx2.Response(status, content=data, request=ASKED))
        assert refused.value.status == status
        plain(refused.value.description)


@parser("printed", "segue_demo.event_line:plain", seeds=[b"a\x1b[2Jb", b"a\r\nb", "\u202ex".encode(), b"\x9b"])
def printed(data: bytes) -> None:
    shown = plain(text(data))
    assert all(line.isprintable() for line in shown.split("\n"))
