"""Hears within a second which grants have been withdrawn, so that their tokens are not honoured till they expire.

The issuer's `withdrawal_endpoint` tells the withdrawn grants whose tokens may still live (specs/protocol.md section
10). One task asks for them again and again; each answer waits at the issuer until something has changed. An issuer
whose metadata names no such endpoint is believed to withdraw nothing. What somebody else was told of (see
segue.security_event) counts beside that.
"""

import asyncio
import hashlib
import logging
import time
from urllib.parse import quote
from weakref import WeakValueDictionary

from segue import forked
from segue.bounded import Recent
from segue.fetch import Fetch
from segue.issuer_documents import read_document, read_metadata
from segue.jose import Malformed, b64url_encode
from segue.target_uri import is_protected

STALE = 30
"""Seconds without an answer of the issuer after which no token is honoured."""
WAIT = 2
"""Seconds that the issuer holds an answer back while nothing changes."""
PAUSE = 0.5
"""Seconds between two attempts while the issuer does not answer, or does not hold its answers back."""
TOLD = 65_536
"""How many grants that were told of are remembered; each lives five minutes after that at most."""
GAP = 0.05
"""Seconds between an answer that told something new and the next question."""

_log = logging.getLogger("segue")


class WithdrawalsUnavailable(Exception):
    """What has been withdrawn cannot be known now, so nobody can say whether a token is still good."""


class Withdrawals:
    """The withdrawn grants of one issuer. Begins to listen when first asked, in the running event loop."""

    def __init__(self, issuer: str, *, fetch: Fetch) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._digests: frozenset[str] = frozenset()
        self._told: Recent[str, str] = Recent(TOLD)
        self._endpoint: str | None = None
        self.begin_anew()
        forked.watch(self)

    def begin_anew(self) -> None:
        """In a process that was forked: nobody listens there yet."""
        self._heard_at: float | None = None
        self._listener: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._endings: WeakValueDictionary[str, asyncio.Future[None]] = WeakValueDictionary()

    async def includes(self, grant_id: str) -> bool:
        """Whether the grant is withdrawn. Raises `WithdrawalsUnavailable`."""
        self._listen()
        if self._heard_at is None:
            await self._next_change()
        known = self.known(grant_id)
        if known is None:
            raise WithdrawalsUnavailable("the issuer does not say what it has withdrawn")
        return known

    def known(self, grant_id: str) -> bool | None:
        """Whether the grant is withdrawn, or None if it cannot be said just now; may be asked by any thread."""
        heard_at, digests = self._heard_at, self._digests
        if heard_at is None or time.monotonic() - heard_at > STALE:
            return None
        if not digests and not len(self._told):
            return False
        digest = _digest(grant_id)
        return digest in digests or self._told.get(digest) is not None

    def tell(self, grant_id: str) -> None:
        """The grant is withdrawn: somebody heard of it. May be called by any thread."""
        self._told.put(_digest(grant_id), grant_id)
        listener = self._listener
        if listener is not None and not listener.done():
            listener.get_loop().call_soon_threadsafe(self._tell)

    def seconds_since_heard(self) -> float | None:
        """Since the issuer last answered; None before it was asked."""
        heard_at = self._heard_at
        return None if heard_at is None else time.monotonic() - heard_at

    def ending(self, grant_id: str) -> asyncio.Future[None]:
        """Done when the grant is withdrawn, or when that can no longer be known.

        All who wait for one grant share it, so that nobody cancels it, and those who wait cost nothing meanwhile.
        """
        self._listen()
        ending = self._endings.get(grant_id)
        if ending is None:
            ending = self._endings[grant_id] = asyncio.get_running_loop().create_future()
            if self.known(grant_id):
                ending.set_result(None)
        return ending

    async def aclose(self) -> None:
        """Stop listening. May be called again."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})
            self._listener = None
        self._heard_at = None
        self._tell()

    def _listen(self) -> None:
        """One listener for the event loop that runs; a test may bring a new one."""
        loop = asyncio.get_running_loop()
        if self._listener is None or self._listener.done() or self._listener.get_loop() is not loop:
            self._heard_at, self._changed, self._endings = None, asyncio.Event(), WeakValueDictionary()
            self._listener = loop.create_task(self._follow())

    async def _next_change(self) -> None:
        """Wait until an answer or a failure has been heard, for so long at most as one takes."""
        changed = self._changed
        try:
            async with asyncio.timeout(WAIT + STALE):
                await changed.wait()
        except TimeoutError:
            return

    async def _follow(self) -> None:
        tag = ""
        while True:
            seen, asked_at = tag, time.monotonic()
            try:
                async with asyncio.timeout(STALE):  # an integrator's fetch may know none
                    tag = await self._hear(tag)
                early = tag == seen and time.monotonic() - asked_at < PAUSE
                await asyncio.sleep(PAUSE if early else GAP)
            except Exception as failure:  # whatever an integrator's fetch raises, it was not heard
                _log.warning("withdrawals cannot be heard: %s: %s", type(failure).__name__, failure)
                self._tell()
                await asyncio.sleep(PAUSE)

    async def _hear(self, tag: str) -> str:
        if self._endpoint is None:
            self._endpoint = await self._find_endpoint()
        if self._endpoint == "":
            self._heard_at = time.monotonic()
            self._tell()
            await asyncio.sleep(STALE / 2)
            self._endpoint = None  # ask again: a deployment may have learned it
            return ""
        url = f"{self._endpoint}?wait={WAIT if tag else 0}&seen={quote(tag, safe='')}"
        answer = await read_document(url, fetch=self._fetch)
        digests, tag = answer.get("grants"), str(answer.get("tag", ""))
        if not isinstance(digests, list) or not all(isinstance(digest, str) for digest in digests):
            raise Malformed("the withdrawn grants are no list of strings")
        self._digests, self._heard_at = frozenset(digests), time.monotonic()
        self._tell()
        return tag

    async def _find_endpoint(self) -> str:
        """The endpoint of the issuer's metadata (RFC 8414), or nothing when it has none."""
        endpoint = (await read_metadata(self._issuer, fetch=self._fetch)).get("withdrawal_endpoint", "")
        if not isinstance(endpoint, str) or (endpoint and not is_protected(endpoint)):
            raise Malformed("withdrawal_endpoint is not https")
        return endpoint

    def _tell(self) -> None:
        """Wake everybody who waits for news, whoever does from now on waits for the next; and end what has to end."""
        self._changed.set()
        self._changed = asyncio.Event()
        for grant_id, ending in list(self._endings.items()):
            if self.known(grant_id) is not False and not ending.done():
                ending.set_result(None)


def _digest(grant_id: str) -> str:
    """How a grant is named to everybody: recognised by who knows it, learned by nobody."""
    return b64url_encode(hashlib.sha256(grant_id.encode()).digest())
