"""Attacks on the middleware by tokens that were good, and by what the issuer seems to say, or does not."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attacked import ISSUER, METADATA, Attacks, metadata, target
from segue.admission import Admission
from segue.issuer_keys import FRESH, MAX_KEYS, PAUSE, STALE, IssuerKeys, KeysUnavailable, UnknownKey
from segue.middleware import TaskTokenMiddleware
from segue.strict_json import MAX_BYTES
from segue.testing import TestIssuer
from segue.withdrawals import STALE as UNHEARD

attack = Attacks()


async def keys_of(issuer: TestIssuer, now: Callable[[], int], fetch: Any = None) -> IssuerKeys:
    """Read once."""
    keys = IssuerKeys(ISSUER, fetch=fetch or issuer.fetch, clock=now)
    await keys.key(issuer.kid)
    return keys


# A token that was good


@attack
async def a_withdrawn_token_works() -> bool:
    async with target() as it:
        it.withdraw("grt_1")
        return await it.lets_in(it.token(grant_id="grt_1"))


@attack
async def a_remembered_token_works_after_it_has_expired() -> bool:
    async with target() as it:
        token = it.token(lifetime=30)
        await it.ask(token)
        it.now += 30
        return await it.lets_in(token)


@attack
async def a_remembered_token_works_after_its_key_was_withdrawn() -> bool:
    async with target() as it:
        await it.ask(it.token())
        it.now += FRESH - 100
        await it.with_nonce()
        token = it.token()
        await it.ask(token)
        it.issuer.rotate()
        it.now += 100
        await it.with_nonce()
        return await it.lets_in(token)


@attack
async def a_stream_goes_on_under_a_withdrawn_token() -> bool:
    async with target() as it:
        it.withdraw("grt_1")
        await it.app._withdrawals.includes("grt_1")
        client_leaves = asyncio.Event()

        async def receive() -> Any:
            if body_read:
                await client_leaves.wait()
            return {"type": "http.request"}

        body_read, stream = False, Admission(receive, it.app._withdrawals, "grt_1")
        await stream.receive()
        body_read, ending = True, asyncio.create_task(stream.receive())
        for _ in range(100):
            await asyncio.sleep(0)
        goes_on = not ending.done()
        client_leaves.set()
        await ending
        return goes_on


# What the issuer says


@attack
async def the_metadata_of_another_issuer_brings_the_thiefs_keys() -> bool:
    return await _thiefs_keys(metadata(issuer="https://evil.example"), f"{ISSUER}/jwks")


@attack
async def keys_come_over_an_open_line() -> bool:
    return await _thiefs_keys(metadata(jwks_uri="http://id.example/jwks"), "http://id.example/jwks")


async def _thiefs_keys(metadata: dict[str, Any], jwks_uri: str) -> bool:
    async with target() as it:
        thief = TestIssuer(clock=lambda: it.now)
        it.documents |= {METADATA: metadata, jwks_uri: thief.jwks}
        return await it.lets_in(thief.token(it.device, task_id="tsk_1", actions=["task:write"]))


@attack
async def the_later_of_two_keys_of_one_name_signs() -> bool:
    async with target() as it:
        thief = TestIssuer(clock=lambda: it.now)
        thief.kid = it.issuer.kid
        it.issuer.jwks["keys"].append({**thief.jwks["keys"][0], "kid": thief.kid})
        return await it.lets_in(thief.token(it.device, task_id="tsk_1", actions=["task:write"]))


@attack
async def a_key_for_encryption_or_another_algorithm_signs() -> bool:
    for change in ({"use": "enc"}, {"alg": "ES384"}):
        async with target() as it:
            (jwk,) = it.issuer.jwks["keys"]
            other = TestIssuer()
            it.issuer.jwks["keys"] = [{**jwk, **change}, {**other.jwks["keys"][0], "kid": "other"}]
            if await it.lets_in(it.token()):
                return True
    return False


@attack
async def a_key_set_of_any_length_is_read() -> bool:
    async with target() as it:
        (jwk,) = it.issuer.jwks["keys"]
        it.issuer.jwks["keys"] += [{**jwk, "kid": str(number)} for number in range(MAX_KEYS)]
        return await it.lets_in(it.token())


@attack
async def a_document_of_any_length_is_read() -> bool:
    async with target() as it:
        it.issuer.jwks["more"] = "x" * MAX_BYTES
        return await it.lets_in(it.token())


@attack
async def an_empty_key_set_or_an_outage_is_told_as_a_bad_token() -> bool:
    answers = []
    for document in ({"keys": []}, OSError("away")):
        async with target() as it:
            it.documents[f"{ISSUER}/jwks"] = document
            answers.append((await it.ask(it.token())).status)
    return answers != [503, 503]


@attack
async def keys_of_an_issuer_that_is_away_are_good_for_ever() -> bool:
    issuer, now, away = TestIssuer(), 0, False

    async def fetch(url: str) -> bytes:
        if away:
            raise OSError("away")
        return await issuer.fetch(url)

    keys = await keys_of(issuer, lambda: now, fetch)
    now, away = STALE, True
    with suppress(KeysUnavailable):
        return await keys.key(issuer.kid) is not None
    return False


@attack
async def unknown_keys_make_it_ask_the_issuer_each_time() -> bool:
    issuer, now = TestIssuer(), 0
    keys = await keys_of(issuer, lambda: now)
    for now in range(PAUSE):
        with suppress(UnknownKey):
            await keys.key(f"unknown {now}")
    return len(issuer.fetched) > 2


@attack
async def a_crowd_makes_it_ask_the_issuer_as_often() -> bool:
    issuer, open_gate = TestIssuer(), asyncio.Event()

    async def fetch(url: str) -> bytes:
        await open_gate.wait()
        return await issuer.fetch(url)

    keys = IssuerKeys(ISSUER, fetch=fetch, clock=lambda: 0)
    crowd = [asyncio.create_task(keys.key(issuer.kid)) for _ in range(50)]
    await asyncio.sleep(0)
    open_gate.set()
    await asyncio.gather(*crowd)
    return len(issuer.fetched) > 2


@attack
async def who_silences_the_withdrawals_keeps_a_withdrawn_token() -> bool:
    async with target() as it:
        it.tell_withdrawals(OSError("silent"))
        return await it.lets_in(it.token())


@attack
async def who_silences_the_withdrawals_later_keeps_a_withdrawn_token() -> bool:
    async with target() as it:
        await it.ask(it.token())
        heard = it.app._withdrawals._heard_at
        it.app._withdrawals._heard_at = heard and heard - UNHEARD - 1
        return await it.lets_in(it.token())


@attack
async def nonsense_about_withdrawals_is_believed() -> bool:
    for nonsense in ({"grants": "all"}, {"grants": [1]}, {}):
        async with target() as it:
            it.tell_withdrawals(nonsense)
            if await it.lets_in(it.token()):
                return True
    return False


@attack
async def withdrawals_come_over_an_open_line() -> bool:
    async with target() as it:
        it.tell_withdrawals({"grants": [], "tag": "1"}, endpoint="http://id.example/withdrawals")
        return await it.lets_in(it.token())


@attack
async def a_backend_or_an_issuer_with_an_unsafe_name_starts() -> bool:
    good, started = "https://agent.example", []
    for name in ("http://agent.example", "https://Agent.example", f"{good}/", f'{good}/a"b'):
        for names in ((name, good), (good, name)):
            with suppress(ValueError):
                started.append(TaskTokenMiddleware(None, issuer=names[0], audience=names[1]))
    return started != []
