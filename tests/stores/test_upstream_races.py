"""Of several that come at once one wins: an answer, an account, a link, the last way in, and the end of a session."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from authz_world import World, open_world
from rounds import rounds
from segue_authz.domain.account import UPSTREAM_ACR, Account, BrowserSession
from segue_authz.domain.account_event import AccountEvent
from segue_authz.domain.upstream import UpstreamIdentity, UpstreamRequest, UpstreamSession
from segue_authz.stores.accounts import BrowserSessions
from segue_authz.stores.sign_in_ways import LastWay, SignInWays
from segue_authz.stores.upstream import UpstreamIdentities, UpstreamRequests, UpstreamSessions
from segue_storage.database import Database, open_database

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A12", "XD-AUTH-05")]

ISSUER = "https://id.example"
ROUNDS = rounds(bounded=8, full=200)
TOGETHER = 6


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=database_url, ephemeral_url=None)
    yield opened
    await opened.aclose()


@pytest.fixture
async def processes(world: World) -> AsyncIterator[list[Database]]:
    """Connections of several processes to one database; SQLite has one process."""
    several = [open_database(world.settings.database) for _ in range(1 if world.settings.embedded else 3)]
    yield [world.database, *several] if not world.settings.embedded else [world.database] * 4
    for each in several:
        await each.aclose()


def fresh() -> str:
    return secrets.token_hex(8)


def event(subject: str) -> AccountEvent:
    return AccountEvent(fresh(), subject, "upstream-linked", None, None, 1)


def identity(subject: str, sub: str) -> UpstreamIdentity:
    return UpstreamIdentity(fresh(), subject, ISSUER, sub, "", 1)


def newcomer() -> Account:
    name = fresh()
    return Account(f"usr_{name}", name, "Somebody", "")


async def admitted(database: Database, sub: str) -> tuple[str, str]:
    """A new account with one identity: its subject and the identity's id."""
    account = newcomer()
    link = identity(account.subject, sub)
    assert await UpstreamIdentities(database).admit(account, link, event=event(account.subject))
    return account.subject, link.identity_id


def session(subject: str) -> BrowserSession:
    return BrowserSession(fresh(), subject, 1, UPSTREAM_ACR, 10**10)


async def test_one_answer_to_a_request_counts(world: World, processes: list[Database]) -> None:
    for _ in range(ROUNDS):
        asked = UpstreamRequest(fresh(), "works", "browser", None, "/", False, 1, 100)
        await UpstreamRequests(world.database).add(asked)
        answers = [
            UpstreamRequests(processes[each % len(processes)]).answer(
                asked.digest, provider="works", browser="browser", now=50
            )
            for each in range(TOGETHER)
        ]
        assert sorted(await asyncio.gather(*answers)) == [False] * (TOGETHER - 1) + [True]
        found = await UpstreamRequests(world.database).find(asked.digest)
        assert found is not None
        assert found.answered_at == 50


async def test_somebody_who_comes_in_twice_at_once_gets_one_account(world: World, processes: list[Database]) -> None:
    for _ in range(ROUNDS):
        sub, accounts = fresh(), [newcomer() for _ in range(TOGETHER)]
        coming = [
            UpstreamIdentities(processes[each % len(processes)]).admit(
                account, identity(account.subject, sub), event=event(account.subject)
            )
            for each, account in enumerate(accounts)
        ]
        won = await asyncio.gather(*coming)
        assert sum(won) == 1
        there = [account.subject for account in accounts if await world.accounts.by_subject(account.subject)]
        assert there == [account.subject for account, first in zip(accounts, won, strict=True) if first]
        owner = await UpstreamIdentities(world.database).account(ISSUER, sub)
        assert owner is not None
        assert [owner.subject] == there


async def test_an_identity_is_linked_to_one_of_those_who_ask_for_it(world: World, processes: list[Database]) -> None:
    subjects = [(await admitted(world.database, fresh()))[0] for _ in range(TOGETHER)]
    for _ in range(ROUNDS):
        sub = fresh()
        linking = [
            UpstreamIdentities(processes[each % len(processes)]).link(identity(subject, sub), event=event(subject))
            for each, subject in enumerate(subjects)
        ]
        won = await asyncio.gather(*linking)
        owner = await UpstreamIdentities(world.database).account(ISSUER, sub)
        assert owner is not None
        assert [owner.subject] == [subject for subject, first in zip(subjects, won, strict=True) if first]


async def test_of_two_that_take_the_last_two_ways_away_one_is_refused(world: World, processes: list[Database]) -> None:
    for _ in range(ROUNDS):
        subject, first = await admitted(world.database, fresh())
        second = identity(subject, fresh())
        assert await UpstreamIdentities(world.database).link(second, event=event(subject))

        async def unlink(database: Database, identity_id: str, subject: str = subject) -> bool:
            identities = UpstreamIdentities(database)
            try:
                return await identities.unlink(subject, identity_id, kept="", event=event(subject), now=2)
            except LastWay:
                return False

        gone = await asyncio.gather(unlink(processes[0], first), unlink(processes[1], second.identity_id))
        assert sorted(gone) == [False, True]
        assert (await SignInWays(world.database).of(subject)).number == 1


async def test_a_logout_and_a_sign_in_that_meet_leave_nobody_signed_in(world: World, processes: list[Database]) -> None:
    for number in range(ROUNDS):
        sub = fresh()
        subject, _ = await admitted(world.database, sub)
        begun = session(subject)
        by_sid = number % 2 == 0
        begin = UpstreamSessions(processes[0]).begin(begun, UpstreamSession(ISSUER, sub, f"sid-{sub}", iat=5))
        end = UpstreamSessions(processes[1]).end(
            ISSUER,
            sub=None if by_sid else sub,
            sid=f"sid-{sub}" if by_sid else None,
            digest=fresh(),
            happened_at=6,
            now=7,
        )
        went_on, ended = await asyncio.gather(begin, end)
        assert (went_on, ended) in ((True, 1), (False, 0))
        assert await BrowserSessions(world.database).current(begun.session_id, now=8) is None


async def test_an_unlinking_and_a_sign_in_that_meet_leave_nobody_signed_in(
    world: World, processes: list[Database]
) -> None:
    for _ in range(ROUNDS):
        sub = fresh()
        subject, identity_id = await admitted(world.database, sub)
        assert await UpstreamIdentities(world.database).link(identity(subject, fresh()), event=event(subject))
        begun = session(subject)
        begin = UpstreamSessions(processes[0]).begin(begun, UpstreamSession(ISSUER, sub, None, iat=5))
        unlink = UpstreamIdentities(processes[1]).unlink(subject, identity_id, kept="", event=event(subject), now=7)
        _, unlinked = await asyncio.gather(begin, unlink)
        assert unlinked
        assert await BrowserSessions(world.database).current(begun.session_id, now=8) is None


async def test_one_logout_token_counts_once(world: World, processes: list[Database]) -> None:
    for _ in range(ROUNDS):
        sub, digest = fresh(), fresh()
        subject, _ = await admitted(world.database, sub)
        await UpstreamSessions(world.database).begin(session(subject), UpstreamSession(ISSUER, sub, None, iat=5))
        told = [
            UpstreamSessions(processes[each % len(processes)]).end(
                ISSUER, sub=sub, sid=None, digest=digest, happened_at=6, now=7
            )
            for each in range(TOGETHER)
        ]
        assert sorted(await asyncio.gather(*told), key=str) == [1, *[None] * (TOGETHER - 1)]


async def test_what_is_linked_goes_with_the_account(world: World) -> None:
    sub = fresh()
    subject, _ = await admitted(world.database, sub)
    assert await world.accounts.delete(subject, now=3)
    assert await UpstreamIdentities(world.database).account(ISSUER, sub) is None
    assert not await UpstreamIdentities(world.database).link(identity(subject, sub), event=event(subject))
    assert (await admitted(world.database, sub))[0] != subject
