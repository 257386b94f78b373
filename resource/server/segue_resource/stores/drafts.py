"""Drafts: their text in the ephemeral store, sealed piece by piece; in the log only that one was interrupted."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from segue_storage.ephemeral import Ephemeral, Text

from segue_resource.domain.actor import Actor, Caller
from segue_resource.domain.draft import INTERRUPTED, LIFETIME, LONGEST, MOST, begun_after, draft_id
from segue_resource.domain.event import NewEvent
from segue_resource.domain.handoff import LEADS
from segue_resource.domain.lifecycle import require_working
from segue_resource.domain.participant import SPEAKS_AS, Role
from segue_resource.domain.refusal import DraftInterrupted, NotFound, NotYourRole, StaleEpoch, TooMuch, WrongOffset
from segue_resource.stores import handoffs, tables
from segue_resource.stores.keys.master_key import nonce
from segue_resource.stores.keys.sealing import Place, seal, unseal
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.unit import Reading, Writing

WITHIN = 10_000
"""Events among which an interruption is looked for: a draft lives minutes."""

_events = tables.events
_INTERRUPTIONS = sa.select(_events.c.seq, _events.c.key_no, _events.c.sealed).where(
    _events.c.task_id == sa.bindparam("the_task"),
    _events.c.seq > sa.bindparam("after"),
    _events.c.kind == INTERRUPTED,
)


class About(msgspec.Struct, frozen=True):
    """What is fixed about a draft."""

    role: str
    actor: Actor


def live_topic(task_id: str) -> str:
    """Where those are woken who follow what is not in the log."""
    return f"live:{task_id}"


class Drafts:
    """The drafts of all tasks. Raises `MemoryUnavailable`."""

    def __init__(self, ephemeral: Ephemeral, *, keeper: Keeper) -> None:
        self._ephemeral = ephemeral
        self._random = keeper.random
        self._key = AESGCM(keeper.master.derive("drafts"))

    async def begin(self, caller: Caller, role: str, *, head: int) -> str:
        """Begin an empty draft behind the event `head`; its id. Raises `TooMuch`."""
        name = draft_id(head, self._random(12))
        about = msgspec.json.encode(About(role, caller.actor))
        if not await self._ephemeral.open_text(caller.task_id, name, about, most=MOST, lifetime=LIFETIME):
            raise TooMuch(drafts=MOST)
        return name

    async def append(self, caller: Caller, name: str, *, offset: int, text: str) -> int:
        """Append to the draft; its length. Raises `WrongOffset`, `DraftInterrupted`, `TooMuch` and `NotFound`."""
        place = Place("drafts", caller.task_id, f"{name}/{offset}")
        piece = seal(self._key, text.encode(), nonce=nonce(self._random), place=place)
        growth = await self._ephemeral.extend_text(
            caller.task_id,
            name,
            msgspec.json.encode((offset, piece)),
            at=offset,
            size=len(text),
            mark=hashlib.sha256(text.encode()).digest(),
            limit=LONGEST,
            lifetime=LIFETIME,
        )
        match growth.result:
            case "extended":
                await self._ephemeral.wake(live_topic(caller.task_id))
                return growth.length
            case "elsewhere":
                raise WrongOffset(growth.length)
            case "stopped":
                raise DraftInterrupted(growth.length)
            case "full":
                raise TooMuch(characters=LONGEST)
            case _:
                raise NotFound

    async def about(self, task_id: str, name: str) -> About:
        """Raises `NotFound`."""
        found = (await self._ephemeral.texts(task_id, {})).get(name)
        if found is None:
            raise NotFound
        return msgspec.json.decode(found.about, type=About)

    async def stop(self, task_id: str, name: str) -> int:
        """Let it grow no more; its length. Raises `NotFound`."""
        length = await self._ephemeral.stop_text(task_id, name)
        if length is None:
            raise NotFound
        return length

    async def drop(self, task_id: str, name: str) -> None:
        """Forget it: its text is in the log."""
        await self._ephemeral.drop_text(task_id, name)
        await self._ephemeral.wake(live_topic(task_id))

    async def read(self, task_id: str, known: Mapping[str, int]) -> dict[str, Text]:
        """The drafts, each without the pieces that are `known`."""
        return await self._ephemeral.texts(task_id, known)

    def open(self, task_id: str, name: str, piece: bytes) -> str:
        """The text of a piece. Raises `Damaged`."""
        offset, sealed = msgspec.json.decode(piece, type=tuple[int, bytes])
        return unseal(self._key, sealed, place=Place("drafts", task_id, f"{name}/{offset}")).decode()


def require_may_write(reading: Reading, role: str) -> None:
    """What is asked of who appends an event, asked before its text is shown. Raises `Refused`."""
    if reading.caller.epoch < reading.epoch:
        raise StaleEpoch
    require_working(reading.status)
    if role not in SPEAKS_AS[reading.role]:
        raise NotYourRole(reading.role)
    if role in LEADS:
        handoffs.require_not_handed_over(reading, Role(role))


def require_may_interrupt(reading: Reading) -> None:
    """Raises `StaleEpoch` for a device that the task has left."""
    if reading.caller.epoch < reading.epoch:
        raise StaleEpoch


def interrupt(writing: Writing, name: str, *, role: str, length: int) -> dict[str, Any]:
    """Log that the draft was interrupted, once; what the log says of it."""
    found = _interruption(writing, name)
    if found is None:
        found = {"draft_id": name, "role": role, "length": length}
        writing.note(INTERRUPTED, found)
    return found


def require_as_interrupted(writing: Writing, event: NewEvent) -> str | None:
    """The draft that the event finishes, if any. Once interrupted it is finished as what had been said by then.

    Raises `DraftInterrupted`.
    """
    name = event.body.get("draft_id")
    if not isinstance(name, str) or begun_after(name) is None:
        return None
    found = _interruption(writing, name)
    if found is not None:
        text = event.body.get("text")
        if event.body.get("interrupted") is not True or not isinstance(text, str) or len(text) > found["length"]:
            raise DraftInterrupted(found["length"])
    return name


def _interruption(writing: Writing, name: str) -> dict[str, Any] | None:
    after = max(begun_after(name) or 0, writing.head - WITHIN)
    asked = {"the_task": writing.caller.task_id, "after": after}
    for row in writing.connection.execute(_INTERRUPTIONS, asked):
        body: dict[str, Any] | None = writing.keys.unseal(row.key_no, row.sealed, table="events", row=str(row.seq))
        if body and body["draft_id"] == name:
            return body
    return None
