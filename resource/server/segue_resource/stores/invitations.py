"""Invitations in the database: a code that is found by its digest, answered once by compare-and-set (T15).

The code is derived from the invitation's id and a key of this server, so it is stored nowhere, not even in the answer
that is kept for a repeat; the digest is keyed, so the database alone does not tell which code would fit.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from segue.clock import Clock
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral

from segue_resource.domain.actor import Actor
from segue_resource.domain.audit import about_event
from segue_resource.domain.event import NewEvent
from segue_resource.domain.invitation import Invitation, InvitationState, code_of, normalise, written
from segue_resource.domain.lifecycle import Status, require_not_ended
from segue_resource.domain.participant import RIGHTS, Role
from segue_resource.domain.refusal import AlreadyTakesPart, NotFound, NotInvited, TooMuch
from segue_resource.stores import audit, tables, tasks
from segue_resource.stores.keys.master_key import MasterKey
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys
from segue_resource.stores.log import Log
from segue_resource.stores.task_store import topic
from segue_resource.stores.unit import Reading, Writing

MAX_OPEN = 20
MAX_PARTICIPANTS = 100
LISTED = 200

_invitations = tables.invitations
_people = tables.participants
_heads = tables.task_heads
_its = _invitations.c.task_id == sa.bindparam("the_task")
_this = _invitations.c.invitation_id == sa.bindparam("the_invitation")
_open = sa.and_(_invitations.c.state == InvitationState.OPEN, _invitations.c.expires_at > sa.bindparam("the_time"))
_LIST = sa.select(_invitations).where(_its).order_by(_invitations.c.created_at.desc()).limit(LISTED)
_COUNT_OPEN = sa.select(sa.func.count()).select_from(_invitations).where(_its, _open)
_COUNT_PEOPLE = (
    sa.select(sa.func.count())
    .select_from(_people)
    .where(_people.c.task_id == sa.bindparam("the_task"), _people.c.to_seq.is_(None))
)
_FIND = sa.select(_invitations).where(_invitations.c.code_digest == sa.bindparam("the_digest"), _open)
_SETTLE = (
    sa.update(_invitations)
    .where(_this, _open)
    .values(state=sa.bindparam("new_state"), accepted_by=sa.bindparam("new_accepted_by"))
    .returning(_invitations.c.role)
)
_ROLE = sa.select(_people.c.role).where(
    _people.c.task_id == sa.bindparam("the_task"), _people.c.sub == sa.bindparam("the_sub"), _people.c.to_seq.is_(None)
)
_TASK = (
    sa.select(tables.tasks, _heads.c.status)
    .join(_heads, _heads.c.task_id == tables.tasks.c.task_id)
    .where(tables.tasks.c.task_id == sa.bindparam("the_task"))
)
_TAKE = (
    sa.update(_heads)
    .where(_heads.c.task_id == sa.bindparam("the_task"))
    .values(head=_heads.c.head + 1, last_at=sa.bindparam("the_time"))
    .returning(_heads.c.head, _heads.c.status)
)


@dataclass(frozen=True)
class Shown:
    """What somebody who has the code may see before they answer."""

    invitation_id: str
    task_id: str
    task_name: str
    role: Role
    actions: list[str]
    invited_by: str
    expires_at: int


def create(writing: Writing, *, invitation_id: str, role: Role, lasts: int, master: MasterKey) -> Invitation:
    """Raises `NotActive` and `TooMuch`."""
    writing.require_not_ended()
    asked = {"the_task": writing.caller.task_id, "the_time": writing.now}
    if writing.connection.execute(_COUNT_OPEN, asked).scalar_one() >= MAX_OPEN:
        raise TooMuch(open_invitations=MAX_OPEN)
    invitation = Invitation(
        invitation_id=invitation_id,
        role=role,
        state=InvitationState.OPEN,
        invited_by=writing.caller.sub,
        created_at=writing.now,
        expires_at=writing.now + lasts,
        accepted_by=None,
    )
    digest = _digest(master, _code(master, invitation_id))
    row = {**vars(invitation), "task_id": writing.caller.task_id, "code_digest": digest}
    writing.connection.execute(sa.insert(_invitations), row)
    writing.note(
        "invitation.created",
        {"invitation_id": invitation_id, "role": role, "expires_at": invitation.expires_at},
    )
    return invitation


def code(master: MasterKey, invitation_id: str) -> str:
    """The invitation's code, for the one who invites."""
    return written(_code(master, invitation_id))


def withdraw(writing: Writing, invitation_id: str) -> None:
    """Raises `NotFound` unless it is open."""
    asked = {"the_task": writing.caller.task_id, "the_invitation": invitation_id, "the_time": writing.now}
    changed = {"new_state": InvitationState.WITHDRAWN, "new_accepted_by": None}
    role = writing.connection.execute(_SETTLE.where(_its), asked | changed).scalar_one_or_none()
    if role is None:
        raise NotFound
    writing.note("invitation.withdrawn", {"invitation_id": invitation_id, "role": role})


def listed(reading: Reading, *, now: int) -> list[Invitation]:
    """The newest, newest first."""
    rows = reading.connection.execute(_LIST, {"the_task": reading.caller.task_id})
    return [_invitation(row, now=now) for row in rows]


class Invitations:
    """What the authorization server asks for somebody who has a code. Raises `Refused`, and what the database raises.

    Whoever is asked for has signed in there; that they have the code is all that makes them the invited one.
    """

    def __init__(self, database: Database, ephemeral: Ephemeral, *, keeper: Keeper, clock: Clock) -> None:
        self._database = database
        self._ephemeral = ephemeral
        self._keeper = keeper
        self._clock = clock

    async def show(self, sub: str, typed: str) -> Shown:
        """Raises `NotInvited` and `AlreadyTakesPart`."""
        now = self._clock()

        def work(connection: sa.Connection) -> Shown:
            row = self._find(connection, typed, now=now)
            _require_no_part(connection, row.task_id, sub)
            task = connection.execute(_TASK, {"the_task": row.task_id}).one()
            keys = TaskKeys(connection, row.task_id, keeper=self._keeper, now=now)
            return Shown(
                invitation_id=row.invitation_id,
                task_id=row.task_id,
                task_name=tasks.name_of(task, keys),
                role=Role(row.role),
                actions=sorted(RIGHTS[Role(row.role)]),
                invited_by=row.invited_by,
                expires_at=row.expires_at,
            )

        return await self._database.read(work)

    async def accept(self, sub: str, typed: str) -> str:
        """The id of the task that the person takes part in from now on.

        Raises `NotInvited`, `AlreadyTakesPart`, `NotActive` and `TooMuch`.
        """
        return await self._answer(sub, typed, InvitationState.ACCEPTED)

    async def decline(self, sub: str, typed: str) -> str:
        """Raises `NotInvited`."""
        return await self._answer(sub, typed, InvitationState.DECLINED)

    async def _answer(self, sub: str, typed: str, state: InvitationState) -> str:
        now = self._clock()

        def work(connection: sa.Connection) -> str:
            row = self._find(connection, typed, now=now)
            asked = {"the_task": row.task_id, "the_time": now}
            head = connection.execute(_TAKE, asked).one()
            accepted = state is InvitationState.ACCEPTED
            if accepted:
                require_not_ended(Status(head.status))
                _require_no_part(connection, row.task_id, sub)
                if connection.execute(_COUNT_PEOPLE, asked).scalar_one() >= MAX_PARTICIPANTS:
                    raise TooMuch(participants=MAX_PARTICIPANTS)
            settled = {"the_invitation": row.invitation_id, "new_state": state, "the_time": now}
            changed = connection.execute(_SETTLE, settled | {"new_accepted_by": sub if accepted else None})
            if changed.scalar_one_or_none() is None:
                raise NotInvited
            self._log(connection, row, sub, seq=head.head, accepted=accepted, now=now)
            return str(row.task_id)

        task_id = await self._database.write(work)
        await self._ephemeral.wake(topic(task_id))
        return task_id

    def _log(
        self, connection: sa.Connection, row: sa.Row[Any], sub: str, *, seq: int, accepted: bool, now: int
    ) -> None:
        """The event at the number that was taken, its entry in the audit, and the participant it made."""
        actor, keys = Actor(sub, None, None), TaskKeys(connection, row.task_id, keeper=self._keeper, now=now)
        kind = "participant.joined" if accepted else "invitation.declined"
        told = {"invitation_id": row.invitation_id, "role": row.role}
        told |= {"sub": sub, "granted_by": row.invited_by} if accepted else {}
        if accepted:
            person = {"task_id": row.task_id, "sub": sub, "from_seq": seq, "role": row.role}
            connection.execute(sa.insert(_people), person | {"granted_by": row.invited_by})
        log = Log(row.task_id, actor, keys=keys, now=now, head=seq - 1)
        log.add(NewEvent(kind, "system", told))
        log.write(connection)
        chain = audit.Chain(connection, row.task_id, master=self._keeper.master, now=now)
        chain.add(kind, seq=seq, actor=actor, role=row.role, about=about_event(kind, told) or {})
        chain.write()

    def _find(self, connection: sa.Connection, typed: str, *, now: int) -> sa.Row[Any]:
        letters = normalise(typed)
        if letters is None:
            raise NotInvited
        asked = {"the_digest": _digest(self._keeper.master, letters), "the_time": now}
        row = connection.execute(_FIND, asked).one_or_none()
        if row is None:
            raise NotInvited
        return row


def _require_no_part(connection: sa.Connection, task_id: str, sub: str) -> None:
    role = connection.execute(_ROLE, {"the_task": task_id, "the_sub": sub}).scalar_one_or_none()
    if role is not None:
        raise AlreadyTakesPart(role)


def digest_of(master: MasterKey, invitation_id: str) -> str:
    """What the invitation is found by."""
    return _digest(master, _code(master, invitation_id))


def _code(master: MasterKey, invitation_id: str) -> str:
    return code_of(hmac.digest(master.derive("invitation code"), invitation_id.encode(), hashlib.sha256))


def _digest(master: MasterKey, letters: str) -> str:
    return hmac.new(master.derive("invitation digest"), letters.encode(), hashlib.sha256).hexdigest()


def _invitation(row: sa.Row[Any], *, now: int) -> Invitation:
    state = InvitationState(row.state)
    return Invitation(
        invitation_id=row.invitation_id,
        role=Role(row.role),
        state=InvitationState.EXPIRED if state is InvitationState.OPEN and row.expires_at <= now else state,
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_by=row.accepted_by,
    )
