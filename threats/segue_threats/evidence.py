"""What an attack did and what it was answered, as lines that a report may show."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx2

from segue_threats.redaction import Redactor, proof_text

SHOWN_REQUEST = ("Accept", "Content-Type", "Host", "Idempotency-Key", "If-Match", "Origin", "X-Forwarded-For")
SHOWN_ANSWER = ("Cache-Control", "Content-Type", "DPoP-Nonce", "Retry-After", "WWW-Authenticate")
SHOWN_PAGE = ("Content-Security-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy", "X-Frame-Options")
LONGEST = 500
"""Characters of a line that are shown."""
MOST = 40
"""Exchanges that one attack keeps; those in the middle give way."""
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """`kind` is `step` (what is done, in words), `request`, `answer`, `picture` (a PNG in base64), or `finding`."""

    kind: str
    text: str
    image: str = ""


@dataclass
class Trail:
    """The evidence of one attack. Written in full, and without secrets, as it happens."""

    redactor: Redactor
    lines: list[Line] = field(default_factory=list)

    def step(self, text: str) -> None:
        self.lines.append(Line("step", text))

    def finding(self, text: str) -> None:
        self.lines.append(Line("finding", text))

    def picture(self, caption: str, image: str) -> None:
        self.lines.append(Line("picture", caption, image))

    def visit(self, method: str, url: str, form: str | None) -> None:
        """What a browser asks for."""
        fields = ["", *self.redactor.parameters(form)] if form else []
        self.lines.append(Line("request", _cut("\n".join([f"{method} {self.redactor.address(url)}", *fields]))))

    def visited(self, status: int, headers: Mapping[str, str]) -> None:
        """What the browser was answered."""
        shown = [f"{name}: {headers[name.lower()]}" for name in SHOWN_PAGE if name.lower() in headers]
        self.lines.append(Line("answer", _cut("\n".join([str(status), *shown]))))

    def exchange(self, request: httpx2.Request, answer: httpx2.Response | None) -> None:
        self.lines.append(Line("request", _request_text(request, self.redactor)))
        if answer is not None:
            self.lines.append(Line("answer", _answer_text(answer, self.redactor)))

    def told(self) -> tuple[Line, ...]:
        """All lines, without secrets; of a long story the beginning and the end."""
        most = 2 * MOST
        lines = self.lines
        if len(lines) > most:
            left_out = Line("step", f"({len(lines) - most} lines left out)")
            lines = [*lines[: most // 2], left_out, *lines[-most // 2 :]]
        return tuple(replace(line, text=self.redactor.sweep(line.text)) for line in lines)


class Pace:
    """At most `rate` requests a second on average and `burst` at once; a rate of 0 holds nobody up."""

    def __init__(self, rate: float, *, burst: int = 20) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    @property
    def holds_up(self) -> bool:
        return bool(self._rate)

    async def turn(self) -> None:
        """Wait until the next request may go out."""
        if not self._rate:
            return
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        if self._left < 0:
            await asyncio.sleep(-self._left / self._rate)


class Recording(httpx2.AsyncBaseTransport):
    """Sends at the pace and writes every exchange down."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, trail: Trail, pace: Pace) -> None:
        self._inner = inner
        self._trail = trail
        self._pace = pace

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._pace.turn()
        await request.aread()
        answer = None
        try:
            answer = await self._inner.handle_async_request(request)
            if "text/event-stream" not in answer.headers.get("Content-Type", ""):
                await answer.aread()
        finally:
            self._trail.exchange(request, answer)
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()


def _request_text(request: httpx2.Request, redactor: Redactor) -> str:
    lines = [f"{request.method} {redactor.address(str(request.url))}"]
    lines += [f"Authorization: {redactor.credential(each)}" for each in request.headers.get_list("Authorization")]
    lines += [f"DPoP: {proof_text(each)}" for each in request.headers.get_list("DPoP")]
    lines += [f"{name}: {request.headers[name]}" for name in SHOWN_REQUEST if name in request.headers]
    if "Cookie" in request.headers:
        redactor.mark("cookie", request.headers["Cookie"].partition("=")[2])
        lines.append("Cookie: (of this browser)")
    return _cut("\n".join([*lines, *_body(request.content, request.headers.get("Content-Type", ""), redactor)]))


def _answer_text(answer: httpx2.Response, redactor: Redactor) -> str:
    lines = [str(answer.status_code)]
    lines += [f"{name}: {answer.headers[name]}" for name in SHOWN_ANSWER if name in answer.headers]
    if "Location" in answer.headers:
        lines.append(f"Location: {redactor.address(answer.headers['Location'])}")
    lines += [f"Set-Cookie: {_cookie(each, redactor)}" for each in answer.headers.get_list("Set-Cookie")]
    try:
        body = answer.content
    except httpx2.ResponseNotRead:  # an event stream, or a connection that broke off
        body = b"(a stream)"
    return _cut("\n".join([*lines, *_body(body, answer.headers.get("Content-Type", ""), redactor)]))


def _cookie(header: str, redactor: Redactor) -> str:
    pair, _, attributes = header.partition(";")
    name, _, value = pair.partition("=")
    return f"{name}={redactor.mark('cookie', value)};{attributes}"


def _body(content: bytes, content_type: str, redactor: Redactor) -> list[str]:
    text = content.decode("utf-8", "replace")
    if not text:
        return []
    if "html" in content_type:
        title = _TITLE.search(text)
        return ["", f"(a page, {title[1].strip() if title else 'without a title'})"]
    if "form-urlencoded" in content_type:
        return ["", *redactor.parameters(text)]
    try:
        return ["", json.dumps(redactor.members(json.loads(text)), ensure_ascii=False)]
    except (ValueError, RecursionError):
        return ["", text]


def _cut(text: str) -> str:
    """Each line short enough to be read past."""
    lines = (
        line if len(line) <= LONGEST else f"{line[:LONGEST]} … ({len(line)} characters)" for line in text.split("\n")
    )
    return "\n".join(lines)
