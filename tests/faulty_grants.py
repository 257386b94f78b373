"""Stores of grants, codes and withdrawals with one seeded fault each; the contract kit has to reject them."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from segue_authz.domain.grant import Grant, Reused, mintable_actions, rotate
from segue_authz.stores.authorization_codes import AuthorizationCodes
from segue_authz.stores.grants import Grants, insert_grant, issued
from segue_authz.stores.port import AuthorizationCode, Issued, NewDevice
from segue_authz.stores.tables import authorization_codes, grants
from segue_authz.stores.withdrawals import Withdrawals


class RotatesWithoutCompare(Grants):
    """Reads the generation, and adds one to whatever is there by then."""

    async def refresh(self, grant_id: str, *, generation: int, now: int) -> Issued | None:
        standing = await self.standing(grant_id)
        if standing is None:
            return None
        mintable_actions(standing, now=now)
        if rotate(standing.grant, generation=generation, now=now) is standing.grant:
            return await self.issued(grant_id, now=now)
        later = {"generation": grants.c.generation + 1, "rotated_at": now}
        statement = grants.update().where(grants.c.grant_id == grant_id).values(**later)

        def work(connection: sa.Connection) -> Issued:
            connection.execute(statement)
            return issued(connection, grant_id, now=now)

        return await self._database.write(work)


class ReuseIsOnlyRefused(Grants):
    """Tells a thief no, and lets the family live."""

    async def refresh(self, grant_id: str, *, generation: int, now: int) -> Issued | None:
        standing = await self.standing(grant_id)
        if standing is not None and generation < standing.grant.generation - 1:
            raise Reused("a spent refresh token was used again")
        return await super().refresh(grant_id, generation=generation, now=now)


class LooksAtTheGrantAlone(Grants):
    """Asks whether the grant is revoked, and neither about its device nor its account nor its client."""

    async def refresh(self, grant_id: str, *, generation: int, now: int) -> Issued | None:
        own = grants.c.grant_id == grant_id, grants.c.generation == generation, grants.c.revoked_at.is_(None)
        advanced = grants.update().where(*own).values(generation=generation + 1, rotated_at=now)
        standing = await self.standing(grant_id)
        if standing and await self._database.write(lambda connection: connection.execute(advanced).rowcount):
            return Issued(replace(standing.grant, generation=generation + 1, rotated_at=now), standing.grant.actions)
        return await super().refresh(grant_id, generation=generation, now=now)


class ServesAStaleStanding(Grants):
    """Keeps the standing of a grant, because it changes so rarely."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self._seen: dict[str, Issued] = {}

    async def issued(self, grant_id: str, *, now: int) -> Issued:
        if grant_id not in self._seen:
            self._seen[grant_id] = await super().issued(grant_id, now=now)
        return self._seen[grant_id]


class CodeCheckThenAct(AuthorizationCodes):
    """Looks whether the code is unspent, and then redeems it."""

    async def redeem(self, code: AuthorizationCode, grant: Grant, *, device: NewDevice, now: int) -> Issued:
        found = await self.find(code.code_digest)
        spent_for = found.grant_id if found else None
        if spent_for is not None:
            return await self._database.read(lambda connection: issued(connection, spent_for, now=now))

        def work(connection: sa.Connection) -> Issued:
            written = insert_grant(connection, grant, device=device, now=now)
            own = authorization_codes.c.code_digest == code.code_digest
            connection.execute(authorization_codes.update().where(own).values(grant_id=grant.grant_id))
            return written

        return await self._database.write(work)


class LoserKeepsItsGrant(AuthorizationCodes):
    """Writes the grant, then spends the code, and forgets to take the grant back if somebody else has spent it."""

    async def redeem(self, code: AuthorizationCode, grant: Grant, *, device: NewDevice, now: int) -> Issued:
        await self._database.write(lambda connection: insert_grant(connection, grant, device=device, now=now))
        unspent = authorization_codes.c.code_digest == code.code_digest, authorization_codes.c.grant_id.is_(None)
        spent = authorization_codes.update().where(*unspent).values(grant_id=grant.grant_id)
        await self._database.write(lambda connection: connection.execute(spent).rowcount)
        found = await self.find(code.code_digest)
        spent_for = str(found.grant_id if found else None)
        return await self._database.read(lambda connection: issued(connection, spent_for, now=now))


class DeletesTheSpentCode(AuthorizationCodes):
    """Cleans up, so that nobody can tell a replay from a typing error."""

    async def redeem(self, code: AuthorizationCode, grant: Grant, *, device: NewDevice, now: int) -> Issued:
        redeemed = await super().redeem(code, grant, device=device, now=now)
        spent = authorization_codes.delete().where(authorization_codes.c.code_digest == code.code_digest)
        await self._database.write(lambda connection: connection.execute(spent).rowcount)
        return redeemed


class MissesOne(Withdrawals):
    """Takes back all but the last."""

    async def everything(self, subject: str, *, now: int) -> int:
        own = sa.select(grants.c.grant_id).where(grants.c.subject == subject).order_by(grants.c.grant_id)

        def work(connection: sa.Connection) -> int:
            found = list(connection.execute(own).scalars())[:-1]
            listed = grants.update().where(grants.c.grant_id.in_(found)).values(revoked_at=now)
            return connection.execute(listed).rowcount

        return await self._database.write(work)


class LeavesTheCodes(Withdrawals):
    """Takes back every grant that there is, and not what is about to become one."""

    async def everything(self, subject: str, *, now: int) -> int:
        ended = await super().everything(subject, now=now)
        own = authorization_codes.c.subject == subject
        usable = authorization_codes.update().where(own).values(expires_at=now + 60)
        await self._database.write(lambda connection: connection.execute(usable).rowcount)
        return ended


class LeavesTheChain(Withdrawals):
    """Takes back what came of the transfer, and not what came of that."""

    async def report(self, subject: str, transfer_id: str, *, now: int) -> int | None:
        came = grants.update().where(grants.c.transfer_id == transfer_id, grants.c.revoked_at.is_(None))
        ended = await self._database.write(lambda connection: connection.execute(came.values(revoked_at=now)).rowcount)
        return ended or None
