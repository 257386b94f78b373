"""A person with two clients, and the ways to bring their grants and transfers to where a check begins."""

from dataclasses import dataclass, replace
from typing import Literal

from segue.authority import ACTIONS

from segue_authz.domain.account import PASSWORD_ACR, Account
from segue_authz.domain.client import Client
from segue_authz.domain.grant import Authentication, Grant
from segue_authz.domain.identifier import Random, new
from segue_authz.domain.transfer import Approved, Asked, Claim, Claimed, Mode, Offer, Offered, Redeemed, Requested
from segue_authz.store_contract.law import ContractBroken, Law
from segue_authz.store_contract.opening import Stores
from segue_authz.stores.port import AuthorizationCode, Issued, NewDevice, Stored

NOW = 1_800_000_000
LAPSES = NOW + 300
BROWSER = "browser"
AUTHENTICATION = Authentication(NOW, PASSWORD_ACR)
NETWORK = "192.0.2.1"
Stage = Literal["offered", "claimed", "approved"]
STAGES: tuple[Stage, ...] = ("offered", "claimed", "approved")


@dataclass(frozen=True)
class World:
    """`stores` and `others` are two openings of the same stores, as two processes would have them."""

    stores: Stores
    others: Stores
    random: Random
    subject: str
    desktop: str
    phone: str

    def id(self, prefix: str) -> str:
        """A fresh identifier, digest or thumbprint."""
        return new(prefix, self.random)

    def both(self, times: int) -> list[Stores]:
        """The two openings in turn."""
        return [self.stores, self.others] * (times // 2)

    def proposal(self, client_id: str, task_id: str, *, jkt: str, transfer_id: str | None = None) -> Grant:
        """A grant that is not written yet."""
        return Grant(
            grant_id=self.id("grt"),
            subject=self.subject,
            client_id=client_id,
            device_id=self.id("dev"),
            jkt=jkt,
            task_id=task_id,
            actions=ACTIONS,
            epoch=0,
            authentication=AUTHENTICATION,
            created_at=NOW,
            expires_at=NOW + 86400,
            transfer_id=transfer_id,
        )

    async def code_for(self, grant: Grant) -> AuthorizationCode:
        """An unspent authorization code that may become this grant."""
        code = AuthorizationCode(
            code_digest=self.id("code"),
            client_id=grant.client_id,
            subject=grant.subject,
            redirect_uri="http://localhost/",
            code_challenge="challenge",
            jkt=grant.jkt,
            task_id=grant.task_id,
            actions=grant.actions,
            authentication=grant.authentication,
            expires_at=NOW + 60,
        )
        await self.stores.codes.add(code)
        return code

    async def holder(self, task_id: str | None = None, *, jkt: str | None = None) -> Grant:
        """A desktop's live grant, for a task of its own unless it is said which, and with a key of its own."""
        return await self.write(self.proposal(self.desktop, task_id or self.id("tsk"), jkt=jkt or self.id("jkt")))

    async def write(self, grant: Grant) -> Grant:
        """The grant, through an authorization code; as it was written."""
        code = await self.code_for(grant)
        issued = await self.stores.codes.redeem(code, grant, device=NewDevice("A desktop", NETWORK), now=NOW)
        return issued.grant

    async def another(self) -> "World":
        """Another person, whom nothing that happens to this one concerns."""
        return await enrol(self.stores, self.others, self.random)

    def offer(self, source: Grant, mode: Mode = "move") -> Offer:
        task_id, created_at = source.task_id, NOW
        return Offer(
            self.id("trf"), self.subject, task_id, source.grant_id, self.phone, source.actions, mode, created_at
        )

    def claim_of(self, offered: Stored, *, jkt: str | None = None) -> Claimed:
        """What an offered transfer becomes when a phone claims it; each time with another key, unless it is said."""
        if not isinstance(offered.transfer, Offered):
            raise TypeError("only an offered transfer is claimed")
        return Claimed(offered.transfer.offer, self.claim(jkt), LAPSES, BROWSER)

    def claim(self, jkt: str | None = None) -> Claim:
        return Claim(self.phone, jkt or self.id("jkt"), "A phone", NETWORK, NOW)

    async def offered(self, source: Grant, mode: Mode = "move") -> Stored:
        offer = self.offer(source, mode)
        await self.stores.transfers.add(
            Offered(offer, LAPSES), handle_digest=self.id("handle"), code_digest=self.id("code")
        )
        return await self.read(offer.transfer_id)

    async def claimed(self, source: Grant, mode: Mode = "move", *, jkt: str | None = None) -> Stored:
        """Claimed by a phone, and opened in the browser that may decide."""
        stored = await self.offered(source, mode)
        return await self.follow(stored, self.claim_of(stored, jkt=jkt))

    async def approved(self, source: Grant, mode: Mode = "move", *, jkt: str | None = None) -> Stored:
        stored = await self.claimed(source, mode, jkt=jkt)
        return await self.follow(stored, approval(stored))

    async def at(self, stage: Stage, source: Grant) -> Stored:
        """A transfer that has come as far as `stage`."""
        ways = {"offered": self.offered, "claimed": self.claimed, "approved": self.approved}
        return await ways[stage](source)

    async def asked(self, task_id: str) -> Stored:
        """A pull that the person has opened."""
        requested = self.asked_for(task_id)
        await self.stores.transfers.request(requested, code_digest=self.id("code"))
        opened = replace(requested, opened_by=BROWSER, subject=self.subject)
        return await self.follow(await self.read(requested.offer.transfer_id), opened)

    def asked_for(self, task_id: str) -> Requested:
        """A pull that is not stored yet, by a key of its own and from a place that was told."""
        claim = replace(self.claim(), place="A desk")
        return Requested(Asked(self.id("trf"), task_id, None, ACTIONS, NOW), claim, LAPSES)

    async def follow(self, stored: Stored, new: Claimed | Approved | Requested) -> Stored:
        """Take a step that nobody contends for."""
        followed = await self.stores.transfers.replace(stored, new)
        if followed is None:
            raise ContractBroken(Law.COMPARE_AND_SET, "a change that nobody contended for was refused.")
        return followed

    async def read(self, transfer_id: str) -> Stored:
        """The transfer, through the other opening."""
        stored = await self.others.transfers.by_id(transfer_id)
        if stored is None:
            raise ContractBroken(Law.FAITHFUL, "a transfer was stored and is not found.")
        return stored

    async def redeem(self, stored: Stored, stores: Stores | None = None) -> Issued | None:
        """Redeem with a grant of its own, through an opening."""
        redeemed, grant = self.redemption(stored)
        return await (stores or self.stores).transfers.redeem(stored, redeemed, grant, now=NOW)

    def redemption(self, stored: Stored) -> tuple[Redeemed, Grant]:
        """What a redemption proposes; each time another grant."""
        approved = stored.transfer
        if not isinstance(approved, Approved):
            raise TypeError("only an approved transfer is redeemed")
        offer, key = approved.offer, approved.claim.jkt
        grant = self.proposal(self.phone, offer.task_id, jkt=key, transfer_id=offer.transfer_id)
        return Redeemed(offer, approved.claim, grant.grant_id), replace(grant, actions=offer.actions)

    async def epoch(self, grant_id: str) -> int:
        """The epoch of the grant's task, through the other opening."""
        standing = await self.others.grants.standing(grant_id)
        if standing is None:
            raise ContractBroken(Law.FAITHFUL, "a grant was written and is not found.")
        return standing.task_epoch


def approval(stored: Stored) -> Approved:
    """The person's yes to a claimed transfer."""
    claimed = stored.transfer
    if not isinstance(claimed, Claimed):
        raise TypeError("only a claimed transfer is approved here")
    return Approved(claimed.offer, claimed.claim, LAPSES, BROWSER, AUTHENTICATION)


async def enrol(stores: Stores, others: Stores, random: Random) -> World:
    """A person and two clients that nobody else uses, so that checks can share a database."""
    subject, desktop, phone = new("usr", random), new("desktop", random), new("phone", random)
    await stores.accounts.add(Account(subject, subject, "A person", "no password"))
    for client_id in (desktop, phone):
        await stores.clients.add(Client(client_id, client_id, ACTIONS, redirect_uris=("http://localhost/",)))
    return World(stores, others, random, subject, desktop, phone)
