"""Flaws of signing in at another provider."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.upstream import UpstreamSession
from segue_authz.stores.tables import accounts, upstream_identities
from segue_authz.stores.upstream import UpstreamIdentities, UpstreamRequests, UpstreamSessions
from segue_authz.upstream import discovery, id_token, signed
from segue_authz.upstream.provider import Provider
from segue_authz.upstream.relying_party import RelyingParty
from segue_storage.database import Database

from threat_flaws.flaw import Patch, flaw, nothing, nothing_later

ALTERED = "an answer is altered or injected"
SAME = "another provider knows the same person"
WEAK = "a weak sign in elsewhere counts as a strong one"


@flaw("XD-AUTH-05", ALTERED)
def the_nonce_of_an_id_token_is_not_compared(patch: Patch) -> None:
    patch.setattr(id_token, "_wrong_answer", nothing)


@flaw("XD-AUTH-05", ALTERED)
def an_id_token_for_somebody_else_will_do(patch: Patch) -> None:
    patch.setattr(id_token, "wrong_audience", nothing)


@flaw("XD-AUTH-05", ALTERED)
def the_signature_of_an_id_token_is_not_verified(patch: Patch) -> None:
    patch.setattr(discovery, "verified", lambda text, _: signed._read(text))


@flaw("XD-AUTH-05", ALTERED)
def a_state_is_good_in_any_browser(patch: Patch) -> None:
    answer = UpstreamRequests.answer

    async def anywhere(self: UpstreamRequests, digest: str, *, provider: str, browser: str, now: int) -> bool:
        asked = await self.find(digest)
        return await answer(self, digest, provider=provider, browser=asked.browser if asked else browser, now=now)

    patch.setattr(UpstreamRequests, "answer", anywhere)


@flaw("XD-AUTH-05", ALTERED)
def nobody_looks_from_which_issuer_an_answer_is(patch: Patch) -> None:
    patch.setattr(RelyingParty, "check_issuer", nothing_later)


@flaw("XD-AUTH-05", SAME)
def an_account_is_found_by_the_subject_alone(patch: Patch) -> None:
    begin = UpstreamSessions.begin

    async def issuer_of(database: Database, sub: str) -> str | None:
        statement = sa.select(upstream_identities.c.issuer).where(upstream_identities.c.sub == sub).limit(1)
        return await database.read(lambda connection: connection.execute(statement).scalar_one_or_none())

    async def by_sub(self: UpstreamIdentities, issuer: str, sub: str) -> Account | None:
        joined = sa.select(accounts).join(upstream_identities, upstream_identities.c.subject == accounts.c.subject)
        known = joined.where(
            upstream_identities.c.sub == sub, upstream_identities.c.issuer == await issuer_of(self._database, sub)
        )
        row = await self._database.read(lambda connection: connection.execute(known).one_or_none())
        return None if row is None else Account(**row._mapping)

    async def as_linked(self: UpstreamSessions, session: BrowserSession, by: UpstreamSession) -> bool:
        return await begin(self, session, replace(by, issuer=await issuer_of(self._database, by.sub) or by.issuer))

    patch.setattr(UpstreamIdentities, "account", by_sub)
    patch.setattr(UpstreamSessions, "begin", as_linked)


@flaw("XD-AUTH-05", WEAK)
def the_strength_that_a_provider_tells_is_believed(patch: Patch) -> None:
    patch.setattr(Provider, "own_acr", lambda _, acr: acr or "")


@flaw("XD-AUTH-05", WEAK)
def it_does_not_matter_when_somebody_signed_in_elsewhere(patch: Patch) -> None:
    check = id_token._wrong_time

    def whenever(claims: dict[str, Any], expected: id_token.Expected, *, now: int) -> str | None:
        return check(claims, replace(expected, signed_in_since=None), now=now)

    patch.setattr(id_token, "_wrong_time", whenever)
