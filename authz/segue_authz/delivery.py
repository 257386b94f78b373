"""Tells clients that their requests are decided (CIBA Core section 10.2), and browsers what there is (RFC 8030).

What is to be told stands in the database; this takes it from there, in every process, and no two take the same. A
client's notice has its own bearer token and the request's identifier, nothing else; a browser's has no content at all.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

import httpx2
from segue.clock import Clock
from segue_storage.database import Database, DatabaseUnavailable
from starlette.applications import Starlette
from starlette.types import Lifespan

from segue_authz.domain.notice import LIFETIME
from segue_authz.outbound import Answer, NotReached, Outbound, acceptable
from segue_authz.stores.notices import Notice, Notices
from segue_authz.stores.push_messages import PushMessage, PushMessages
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.sealed import Sealing
from segue_authz.tokens.vapid import Vapid

EVERY = 1.0
"""Seconds between two looks at what is due."""
TIMEOUT = 5.0
_MOST = 4_096
"""Bytes of an answer that are read; none of them is looked at."""
_GONE = (404, 410)
_LOG = logging.getLogger("segue_authz")


def may_be_notified(endpoint: str) -> bool:
    """Whether a client may be registered with it: public https, or a loopback address of a developer's machine."""
    return acceptable(endpoint) or on_loopback(endpoint)


def on_loopback(url: str) -> bool:
    """Whether it is plain http to this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        return parts.scheme == "http" and "@" not in parts.netloc and (host == "localhost" or _loopback(host or ""))
    except ValueError:
        return False


def _loopback(host: str) -> bool:
    return ip_address(host).is_loopback


class Delivery:
    """`development`: the server itself is on a loopback address, and only then may those be told."""

    def __init__(
        self,
        database: Database,
        *,
        derivation: Derivation,
        sealing: Sealing,
        issuer: str,
        clock: Clock,
        outbound: Outbound,
    ) -> None:
        self._notices = Notices(database)
        self._messages = PushMessages(database)
        self._derivation = derivation
        self._sealing = sealing
        self._clock = clock
        self._outbound = outbound
        self._vapid = Vapid(derivation, issuer=issuer, clock=clock)
        self._development = on_loopback(issuer)

    async def deliver(self) -> int:
        """Try what is due, and say how many there were."""
        taken = await self._notices.take(now=self._clock())
        messages = await self._messages.take(now=self._clock())
        telling = [self._tell(notice) for notice in taken] + [self._send(message) for message in messages]
        await asyncio.gather(*telling)
        return len(telling)

    async def run(self) -> None:
        """For as long as the server lives."""
        while True:
            try:
                await self.deliver()
            except DatabaseUnavailable as away:
                _LOG.error("notices cannot be read: %s", away)
            except Exception:
                _LOG.exception("notices could not be told")
            await asyncio.sleep(EVERY)

    async def _tell(self, notice: Notice) -> None:
        try:
            status = await (
                self._ping(notice)
                if notice.subscription_id is None
                else self._push(notice.endpoint or "", "waiting", 120)
            )
        except NotReached as failed:
            _LOG.info("notice of %s: %s", notice.transfer_id, failed)
            return
        _LOG.info("notice of %s: answered with %d", notice.transfer_id, status)
        if notice.subscription_id is not None and status in _GONE:
            await self._notices.unsubscribe(subscription_id=notice.subscription_id)
        if 200 <= status < 300 or status in _GONE:
            await self._notices.done(notice)

    async def _send(self, message: PushMessage) -> None:
        try:
            status = await self._push(message.endpoint, message.kind, LIFETIME)
        except NotReached as failed:
            _LOG.info("notice %s: %s", message.kind, failed)
            return
        _LOG.info("notice %s: answered with %d", message.kind, status)
        if status in _GONE:
            await self._notices.unsubscribe(subscription_id=message.subscription_id)
        if 200 <= status < 300 or status in _GONE:
            await self._messages.sent(message.message_id)

    async def _ping(self, notice: Notice) -> int:
        """CIBA Core section 10.2. Whatever is answered is not looked at, and a redirect is not followed."""
        token = self._sealing.unseal(notice.notification_token or "", row=notice.transfer_id)
        auth_req_id = self._derivation.auth_req_id(notice.transfer_id, notice.jkt)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self.post(notice.endpoint or "", json.dumps({"auth_req_id": auth_req_id}).encode(), headers)

    async def _push(self, endpoint: str, topic: str, lifetime: int) -> int:
        """RFC 8030 section 5 and RFC 8292, without content: nothing to read for anybody, so nothing to encrypt.

        What waits at the push service under a topic is replaced by what comes later (section 5.4).
        """
        headers = {"TTL": str(lifetime), "Urgency": "high", "Topic": topic, "Content-Length": "0"}
        return await self.post(endpoint, b"", headers | self._vapid.headers(endpoint))

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> int:
        """To whoever may be notified; the status of the answer. Raises `NotReached`."""
        if self._development and on_loopback(url):
            return await _post_here(url, content, headers)
        answer: Answer = await self._outbound.post(url, content, headers=headers, most=_MOST)
        return answer.status


async def _post_here(url: str, content: bytes, headers: Mapping[str, str]) -> int:
    """To another program of a developer's machine."""
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx2.AsyncClient(trust_env=False, follow_redirects=False) as http,
            http.stream("POST", url, content=content, headers=headers) as answer,
        ):
            return int(answer.status_code)
    except (TimeoutError, OSError, httpx2.HTTPError) as failed:
        raise NotReached(f"{urlsplit(url).hostname} does not answer: {type(failed).__name__}") from failed


class Worker(Protocol):
    async def run(self) -> None:
        """For as long as the server lives."""


def working(around: Lifespan[Starlette] | None, *workers: Worker) -> Lifespan[Starlette]:
    """A lifespan during which they all run; `around` begins before it and ends after it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (around or (lambda _: nullcontext()))(app):
            tasks = [asyncio.create_task(worker.run()) for worker in workers]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    return lifespan
