"""The paragraph of a resume, written by the deployment's own model where it is there in time, else by the store (T5).

A resume waits a moment for it at most. What comes later is kept for the next resume: the same facts are written about
once, whichever device asks. A writer that fails is left alone for a while.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette

from segue_resource.domain.name import one_line
from segue_resource.domain.resume import Facts, ParagraphSource, ParagraphWriter

PATIENCE = 1.5
"""Seconds that a resume waits."""
LONGEST = 15.0
"""Seconds that the writer may take."""
REST = 10.0
"""Seconds for which a writer that failed is not asked again."""
MOST_AT_ONCE = 16
"""Paragraphs in the making: a slow writer must not gather what waits for it."""
KEPT = 1000
"""Paragraphs remembered by this process."""
LENGTH = 2000
"""Characters of a paragraph: it is one paragraph, not a scroll."""

_log = logging.getLogger(__name__)


class Unacceptable(Exception):
    """What the writer gave back is not one paragraph."""


class Paragraphs:
    """Belongs to one event loop. Without a writer there is nothing to wait for."""

    def __init__(self, writer: ParagraphWriter | None) -> None:
        self._writer = writer
        self._written: OrderedDict[bytes, str] = OrderedDict()
        self._pending: dict[bytes, asyncio.Task[str | None]] = {}
        self._resting_until = 0.0

    async def of(self, facts: Facts) -> tuple[str, ParagraphSource]:
        """Never raises, and never takes longer than `PATIENCE`."""
        text = await self._of_deployment(facts)
        if text is None:
            return facts.paragraph, ParagraphSource.STORE
        return text, ParagraphSource.DEPLOYMENT

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Leaves nothing in the making behind."""
        try:
            yield
        finally:
            left = list(self._pending.values())
            for pending in left:
                pending.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _of_deployment(self, facts: Facts) -> str | None:
        if self._writer is None:
            return None
        key = hashlib.sha256(msgspec.json.encode(facts)).digest()
        if key in self._written:
            self._written.move_to_end(key)
            return self._written[key]
        if key not in self._pending:
            if len(self._pending) >= MOST_AT_ONCE or asyncio.get_running_loop().time() < self._resting_until:
                return None
            self._pending[key] = asyncio.create_task(self._write(self._writer, facts, key))
        pending = self._pending[key]
        await asyncio.wait({pending}, timeout=PATIENCE)
        return pending.result() if pending.done() and not pending.cancelled() else None

    async def _write(self, writer: ParagraphWriter, facts: Facts, key: bytes) -> str | None:
        try:
            async with asyncio.timeout(LONGEST):
                text = _accepted(await writer(facts))
        except Exception as failure:  # whatever a deployment's writer raises, the store has a paragraph of its own
            _log.warning("the paragraph was not written: %s: %s", type(failure).__name__, failure)
            self._resting_until = asyncio.get_running_loop().time() + REST
            return None
        finally:
            del self._pending[key]
        self._written[key] = text
        if len(self._written) > KEPT:
            self._written.popitem(last=False)
        return text


def _accepted(text: object) -> str:
    """On one line, without what cannot be seen. Whoever shows it must still take it for text and not for markup."""
    if not isinstance(text, str) or len(text) > LENGTH:
        raise Unacceptable(f"the paragraph is no text of at most {LENGTH} characters")
    if not (line := one_line(text)):
        raise Unacceptable("the paragraph is empty")
    return line
