"""Authorization codes: redeemed once, kept afterwards so that a repeat is seen (RFC 6749 section 4.1.2)."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.grant import Authentication, Grant, Withdrawn
from segue_authz.stores.actions_text import from_text, to_text
from segue_authz.stores.grants import insert_grant, issued
from segue_authz.stores.port import AuthorizationCode, Issued, NewDevice
from segue_authz.stores.tables import authorization_codes

ENDED = 0
"""When a code expired that was withdrawn before it was spent: before any clock's now."""


class AuthorizationCodes:
    """`AuthorizationCodeStore` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, code: AuthorizationCode) -> None:
        values = {name: value for name, value in vars(code).items() if name != "authentication"}
        values |= vars(code.authentication) | {"actions": to_text(code.actions)}
        await self._database.write(lambda connection: connection.execute(authorization_codes.insert(), values).rowcount)

    async def find(self, code_digest: str) -> AuthorizationCode | None:
        statement = sa.select(authorization_codes).where(authorization_codes.c.code_digest == code_digest)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None:
            return None
        values = dict(row._mapping)
        authentication = Authentication(values.pop("auth_time"), values.pop("acr"))
        return AuthorizationCode(**values | {"actions": from_text(values["actions"]), "authentication": authentication})

    async def redeem(self, code: AuthorizationCode, grant: Grant, *, device: NewDevice, now: int) -> Issued:
        """Write the grant if the code is unspent, else answer the grant it was spent for. One transaction.

        Raises `Withdrawn`, and then the code is not spent; also if the code itself was withdrawn.
        """

        def work(connection: sa.Connection) -> Issued:
            written = insert_grant(connection, grant, device=device, now=now, decided_in=code.browser)
            own = authorization_codes.c.code_digest == code.code_digest
            unspent = own, authorization_codes.c.grant_id.is_(None), authorization_codes.c.expires_at > ENDED
            if connection.execute(
                authorization_codes.update().where(*unspent).values(grant_id=grant.grant_id)
            ).rowcount:
                return written
            raise _Spent

        try:
            return await self._database.write(work)
        except _Spent:
            return await self._database.read(
                lambda connection: issued(connection, _spent_for(connection, code), now=now)
            )


class _Spent(Exception):
    """Undoes the grant of a caller who lost the race."""


def _spent_for(connection: sa.Connection, code: AuthorizationCode) -> str:
    statement = sa.select(authorization_codes.c.grant_id).where(authorization_codes.c.code_digest == code.code_digest)
    grant_id = connection.execute(statement).scalar_one()
    if grant_id is None:
        raise Withdrawn("the code was withdrawn before it was spent")
    return str(grant_id)
