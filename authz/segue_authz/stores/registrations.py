"""Clients that registered themselves, and the invitations by which they may (RFC 7591, RFC 7592).

Tokens are found by their digests. Every call is one transaction: an invitation is used up with the registration that
it allows or not at all, and of two changes with one registration token one happens.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.client import Client, Origin
from segue_authz.stores.budgets import spend
from segue_authz.stores.client_row import from_row, to_values
from segue_authz.stores.clients import remove
from segue_authz.stores.tables import clients, grants, registration_invitations

UNUSED_LIFETIME = 30 * 86_400
"""Seconds after which a client that nobody has reviewed is removed if it holds nothing."""
PER_NETWORK, NETWORK_WINDOW = 10, 3_600
IN_ALL, WINDOW = 500, 86_400
"""Registrations without an invitation, in so many seconds."""


class NotInvited(Exception):
    """The invitation is not known, used up or lapsed."""


class TooMany(Exception):
    """Too many have registered already, from that network or in all."""


@dataclass(frozen=True)
class Registered:
    """A client that registered itself, as it stands, and when it did."""

    client: Client
    registered_at: int


@dataclass(frozen=True)
class RegistrationInvitation:
    """An initial access token (RFC 7591 section 3), good for `uses_left` registrations. Times in seconds."""

    invitation_id: str
    digest: str
    label: str
    uses_left: int
    created_at: int
    expires_at: int


class Registrations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, client: Client, *, digest: str, invitation: str | None, network: str, now: int) -> None:
        """Register, by the invitation of that digest or, where none is asked for, within the limits of the network.

        Raises `NotInvited` and `TooMany`.
        """

        def work(connection: sa.Connection) -> None:
            _remove_unused(connection, now=now)
            invitation_id = None
            if invitation is not None:
                invitation_id = _use(connection, invitation, now=now)
            elif not (
                spend(connection, f"register:{network}", most=PER_NETWORK, window=NETWORK_WINDOW, now=now)
                and spend(connection, "register", most=IN_ALL, window=WINDOW, now=now)
            ):
                raise TooMany
            further = {"registered_at": now, "registration_digest": digest, "invitation_id": invitation_id}
            connection.execute(clients.insert(), to_values(client) | further)

        await self._database.write(work)

    async def find(self, client_id: str, *, digest: str) -> Registered | None:
        """The enabled client whose registration token has that digest."""
        if not (client_id.isascii() and client_id.isprintable()):
            return None
        statement = sa.select(clients).where(*_held(client_id, digest))
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Registered(from_row(row), row.registered_at)

    async def replace(self, client: Client, *, digest: str, fresh: str) -> bool:
        """Write the client anew and give it the next token, if its token still is the one of that digest."""
        values = to_values(client) | {"registration_digest": fresh}
        statement = clients.update().where(*_held(client.client_id, digest)).values(values)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def remove(self, client_id: str, *, digest: str, now: int) -> bool:
        """Whether this call removed it."""
        held = sa.and_(*_held(client_id, digest))
        return await self._database.write(lambda connection: remove(connection, held, now=now) == 1)

    async def invite(self, invitation: RegistrationInvitation) -> None:
        values = vars(invitation)
        await self._database.write(
            lambda connection: connection.execute(registration_invitations.insert(), values).rowcount
        )

    async def invitations(self) -> list[RegistrationInvitation]:
        """All of them, the newest first."""
        statement = sa.select(registration_invitations).order_by(
            registration_invitations.c.created_at.desc(), registration_invitations.c.invitation_id
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [RegistrationInvitation(**row._mapping) for row in rows]

    async def uninvite(self, invitation_id: str) -> bool:
        """Whether this call took the invitation back; who has registered by it stays."""
        there = registration_invitations.c.invitation_id == invitation_id, registration_invitations.c.uses_left > 0
        statement = registration_invitations.update().where(*there).values(uses_left=0)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)


def _held(client_id: str, digest: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        clients.c.client_id == client_id,
        clients.c.registration_digest == digest,
        clients.c.disabled_at.is_(None),
    )


def _use(connection: sa.Connection, digest: str, *, now: int) -> Any:
    """The invitation's identifier, once it has been used one time more. Raises `NotInvited`."""
    table = registration_invitations
    statement = (
        table.update()
        .where(table.c.digest == digest, table.c.uses_left > 0, table.c.expires_at > now)
        .values(uses_left=table.c.uses_left - 1)
        .returning(table.c.invitation_id)
    )
    invitation_id = connection.execute(statement).scalar_one_or_none()
    if invitation_id is None:
        raise NotInvited
    return invitation_id


def _remove_unused(connection: sa.Connection, *, now: int) -> None:
    holding = sa.exists().where(grants.c.client_id == clients.c.client_id)
    unused = sa.and_(
        clients.c.origin == Origin.REGISTRATION,
        clients.c.reviewed_at.is_(None),
        clients.c.registered_at <= now - UNUSED_LIFETIME,
        ~holding,
    )
    remove(connection, unused, now=now)
