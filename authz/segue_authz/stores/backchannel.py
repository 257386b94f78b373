"""Requests by the backchannel: each is a transfer, and who hears of it is decided with it in one transaction."""

from dataclasses import dataclass, replace

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.backchannel import (
    ANNOUNCED_A_DAY,
    ANNOUNCED_AT_ONCE,
    CODES_A_DAY,
    CODES_AN_HOUR,
    DAY,
    DECLINED_COUNTS_FOR,
    HOUR,
    MUTED_FOR,
    REQUESTS_A_DAY,
    BackchannelRequest,
    Proof,
    TooOften,
    pause_after,
)
from segue_authz.domain.transfer import Requested
from segue_authz.stores.budgets import spend
from segue_authz.stores.notices import announce
from segue_authz.stores.port import Stored
from segue_authz.stores.tables import accounts, backchannel_requests, devices, transfers, user_codes
from segue_authz.stores.transfer_row import from_row
from segue_authz.stores.transfers import insert_request

_REQUEST = transfers.c.transfer_id == backchannel_requests.c.transfer_id
_WAITING = transfers.c.state == Requested.__name__


@dataclass(frozen=True)
class Facts:
    """What is kept of a request beside its transfer."""

    proof: Proof
    binding_message: str | None
    notification_token: str | None


class Backchannel:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, request: BackchannelRequest, *, code_digest: str, people_an_hour: int, now: int) -> bool:
        """Whether the person will be shown it; the client is never told. Raises `TooOften`, and nothing has happened.

        What the client is refused for depends on its own requests alone. What depends on the person, on whether there
        is one, and on other clients, decides only who is shown the request: a client that is not to reach anybody gets
        the same answer, and a transfer that nobody can open (XD-BACK-05).
        """

        def work(connection: sa.Connection) -> bool:
            _take_turn(connection, request, people_an_hour=people_an_hour, now=now)
            shown = _shown(connection, request, now=now)
            requested = request.requested if shown else replace(request.requested, subject=None)
            insert_request(connection, requested, code_digest=code_digest)
            values = {
                "transfer_id": requested.offer.transfer_id,
                "client_id": requested.claim.client_id,
                "person": request.person,
                "reached_by": request.proof.value,
                "binding_message": request.binding_message,
                "notification_token": request.notification_token,
                "created_at": now,
            }
            connection.execute(backchannel_requests.insert(), values)
            if requested.subject is not None:
                announce(connection, requested.offer.transfer_id, requested.subject, now=now)
            return shown

        return await self._database.write(work)

    async def waiting(self, subject: str, *, now: int) -> list[Stored]:
        """The requests that wait for this person, opened or not, the oldest first."""
        in_time = sa.or_(transfers.c.opened_by.is_not(None), transfers.c.enter_until > now)
        statement = (
            sa.select(transfers)
            .join(backchannel_requests, _REQUEST)
            .where(transfers.c.subject == subject, _WAITING, transfers.c.expires_at > now, in_time)
            .order_by(transfers.c.created_at, transfers.c.transfer_id)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [Stored(from_row(row), row.version, row.contested_at) for row in rows]

    async def facts(self, transfer_id: str) -> Facts | None:
        """None for a transfer that came in another way."""
        statement = sa.select(backchannel_requests).where(backchannel_requests.c.transfer_id == transfer_id)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Facts(Proof(row.reached_by), row.binding_message, row.notification_token)

    async def may_try_code(self, client_id: str, person: str, *, now: int) -> bool:
        """Count a try at the person's user code, right or wrong; False when there have been too many."""

        def work(connection: sa.Connection) -> bool:
            own = spend(connection, f"code {client_id} {person}", most=CODES_AN_HOUR, window=HOUR, now=now)
            return own and spend(connection, f"code {person}", most=CODES_A_DAY, window=DAY, now=now)

        return await self._database.write(work)


def _take_turn(connection: sa.Connection, request: BackchannelRequest, *, people_an_hour: int, now: int) -> None:
    """Let the requests of one client for one person come one after the other, and few. Raises `TooOften`."""
    client_id, person = request.requested.claim.client_id, request.person
    if not spend(connection, f"pair {client_id} {person}", most=REQUESTS_A_DAY, window=DAY, now=now):
        raise TooOften("it has asked this person too often today")
    of_pair = backchannel_requests.c.client_id == client_id, backchannel_requests.c.person == person
    rows = sa.select(transfers.c.state, transfers.c.expires_at, backchannel_requests.c.created_at)
    lately = backchannel_requests.c.created_at > now - DECLINED_COUNTS_FOR
    earlier = connection.execute(rows.join(backchannel_requests, _REQUEST).where(*of_pair, lately)).all()
    if any(each.state == Requested.__name__ and each.expires_at > now for each in earlier):
        raise TooOften("a request of it for this person is open")
    declined = [each.created_at for each in earlier if each.state == "Denied"]
    if declined and now < max(declined) + pause_after(len(declined)):
        raise TooOften("this person has declined")
    if not any(each.created_at > now - HOUR for each in earlier) and not spend(
        connection, f"people {client_id}", most=people_an_hour, window=HOUR, now=now
    ):
        raise TooOften("it has asked too many people in an hour")


def _shown(connection: sa.Connection, request: BackchannelRequest, *, now: int) -> bool:
    """Whether the person is there, has to do with the client, wants to hear of it, and is not asked too much.

    Everything is looked up whatever the answer will be, so that it takes as long.
    """
    subject, client_id = request.requested.subject or "", request.requested.claim.client_id
    left = spend(connection, f"person {request.person}", most=ANNOUNCED_A_DAY, window=DAY, now=now)
    of_subject = transfers.c.subject == subject
    waiting = sa.select(sa.func.count()).select_from(transfers).join(backchannel_requests, _REQUEST)
    open_ones = waiting.where(of_subject, _WAITING, transfers.c.expires_at > now)
    muted = sa.exists().where(
        of_subject, transfers.c.claim_client_id == client_id, transfers.c.reported_at > now - MUTED_FOR
    )
    there = sa.exists().where(accounts.c.subject == subject, accounts.c.disabled_at.is_(None))
    known = sa.exists().where(
        devices.c.subject == subject, devices.c.client_id == client_id, devices.c.revoked_at.is_(None)
    )
    has_code = sa.exists().where(user_codes.c.subject == subject)
    asked = sa.select(
        open_ones.scalar_subquery().label("open_ones"),
        muted.label("muted"),
        there.label("there"),
        known.label("known"),
        has_code.label("has_code"),
    )
    found = connection.execute(asked).one()
    related = request.proof is Proof.USER_CODE or (bool(found.known) and not found.has_code)
    return bool(left and found.there and related and not found.muted and found.open_ones < ANNOUNCED_AT_ONCE)
