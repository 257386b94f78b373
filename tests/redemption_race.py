"""What the redemption race does in its processes, and how it is set up; see stores/test_redemption_race.py."""

import asyncio
import secrets
from dataclasses import replace
from multiprocessing.synchronize import Barrier

from segue.authority import ACTIONS
from segue_authz.domain.client import Client
from segue_authz.domain.grant import Authentication, Grant
from segue_authz.domain.transfer import Approved, Claim, Claimed, Offer, Offered, Redeemed, redeem
from segue_authz.enrolment import add_client, add_user
from segue_authz.stores.authorization_codes import AuthorizationCodes
from segue_authz.stores.grants import Grants
from segue_authz.stores.port import AuthorizationCode, Issued, NewDevice, Stored
from segue_authz.stores.transfers import Transfers
from segue_storage.database import Database, open_database

PROCESSES, EACH = 8, 25
NOW = 1_800_000_000
_barrier: Barrier


def meet_at(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def redeem_together(url: str, transfer_id: str) -> list[str | None]:
    """What one process's redemptions gave: the grant it won, None for each it lost."""
    return asyncio.run(_race(url, transfer_id))


async def _race(url: str, transfer_id: str) -> list[str | None]:
    database = open_database(url, threads=4)
    try:
        transfers = Transfers(database)
        stored = await transfers.by_id(transfer_id)
        assert stored is not None
        assert isinstance(stored.transfer, Approved), "nobody may begin before all have read `approved`"
        await asyncio.to_thread(_barrier.wait, 30)
        answers = await asyncio.gather(*(_redeem(transfers, stored) for _ in range(EACH)))
        return [answer.grant.grant_id if answer else None for answer in answers]
    finally:
        await database.aclose()


async def _redeem(transfers: Transfers, stored: Stored) -> Issued | None:
    grant_id = f"grt_{secrets.token_hex(8)}"
    claim = stored.transfer.claim  # type: ignore[union-attr]
    redeemed = redeem(stored.transfer, jkt=claim.jkt, client_id="phone", grant_id=grant_id, now=NOW)
    grant = _grant(grant_id, stored.transfer.offer.subject, "phone", claim.jkt)
    return await transfers.redeem(stored, redeemed, grant, now=NOW)


def _grant(grant_id: str, subject: str, client_id: str, jkt: str) -> Grant:
    return Grant(
        grant_id=grant_id,
        subject=subject,
        client_id=client_id,
        device_id=f"dev_{secrets.token_hex(8)}",
        jkt=jkt,
        task_id="tsk_race",
        actions=ACTIONS,
        epoch=0,
        authentication=Authentication(NOW, "urn:segue:acr:password"),
        created_at=NOW,
        expires_at=NOW + 3600,
    )


async def enrol(url: str) -> tuple[str, str]:
    database = open_database(url, threads=1)
    try:
        subject = await add_user(
            database, username="person", password="correct horse", name="", random=secrets.token_bytes
        )
        for client_id in ("desktop", "phone"):
            uris = (f"http://localhost/{client_id}",)
            await add_client(database, Client(client_id, client_id, ACTIONS, redirect_uris=uris))
        return subject, (await _authorized(database, subject)).grant.grant_id
    finally:
        await database.aclose()


async def take_back(url: str, subject: str) -> str:
    """The desktop gets the task again, so that the next round has a source that holds it."""
    database = open_database(url, threads=1)
    try:
        return (await _authorized(database, subject)).grant.grant_id
    finally:
        await database.aclose()


async def _authorized(database: Database, subject: str) -> Issued:
    codes = AuthorizationCodes(database)
    grant = _grant(f"grt_{secrets.token_hex(8)}", subject, "desktop", secrets.token_hex(16))
    code = AuthorizationCode(
        secrets.token_hex(16),
        "desktop",
        subject,
        "u",
        "c",
        grant.jkt,
        grant.task_id,
        ACTIONS,
        grant.authentication,
        NOW,
    )
    await codes.add(code)
    return await codes.redeem(code, grant, device=NewDevice("A desktop", "192.0.2.1"), now=NOW)


async def approved(url: str, subject: str, source: str) -> str:
    database = open_database(url, threads=1)
    try:
        transfers = Transfers(database)
        transfer_id = f"trf_{secrets.token_hex(8)}"
        offer = Offer(transfer_id, subject, "tsk_race", source, "phone", ACTIONS, "move", NOW)
        digests = {"handle_digest": secrets.token_hex(16), "code_digest": secrets.token_hex(16)}
        await transfers.add(Offered(offer, NOW + 120), **digests)
        offered = await transfers.by_id(transfer_id)
        assert offered is not None
        claimed = Claimed(offer, Claim("phone", secrets.token_hex(16), "A phone", "192.0.2.1", NOW), NOW + 300, "b")
        stored = await transfers.replace(offered, claimed)
        assert stored is not None
        approved = Approved(offer, claimed.claim, NOW + 300, "b", Authentication(NOW, "acr"))
        assert await transfers.replace(replace(stored, transfer=claimed), approved)
        return transfer_id
    finally:
        await database.aclose()


async def outcome(url: str, transfer_id: str) -> tuple[str, int]:
    database = open_database(url, threads=1)
    try:
        stored = await Transfers(database).by_id(transfer_id)
        assert stored is not None
        assert isinstance(stored.transfer, Redeemed)
        standing = await Grants(database).standing(stored.transfer.grant_id)
        assert standing is not None
        return stored.transfer.grant_id, standing.task_epoch
    finally:
        await database.aclose()
