"""Attacks on the middleware by what a request shows. Each answers whether the attacker got what they wanted.

An exception that leaves the middleware counts too: whoever can cause one has found a way past its words.
"""

import hashlib
from contextlib import suppress
from typing import Any

from attacked import Attacks, target
from segue import jose
from segue.bounded import Recent
from segue.nonce import Nonces
from segue.requires import requires
from segue.testing import TestDevice
from segue_backend import URL

attack = Attacks()


# What a request shows


@attack
async def a_token_in_the_address_works() -> bool:
    async with target() as it:
        headers = it.headers(it.token(), url=f"{URL}/tsk_1")
        return (await it.send(headers, path="/tsk_1", query_string=b"access_token=x")).status == 200


@attack
async def of_two_tokens_one_works() -> bool:
    async with target() as it:
        headers = it.headers(it.token(), url=f"{URL}/tsk_1")
        return (await it.send([*headers, (b"authorization", b"DPoP x")], path="/tsk_1")).status == 200


@attack
async def no_token_is_not_answered_401() -> bool:
    async with target() as it:
        return (await it.send([])).status != 401


@attack
async def words_that_are_no_token_are_read_as_one() -> bool:
    async with target() as it:
        answers = [await it.send([(b"authorization", b"DPoP " + words)]) for words in (b"", b"=", b"a b", b"\xff")]
        return {answer.status for answer in answers} != {400}


@attack
async def a_post_that_looks_like_a_preflight_gets_through() -> bool:
    async with target() as it:
        return (await it.send([(b"access-control-request-method", b"POST")], "POST")).status == 200


@attack
async def options_without_the_header_of_a_preflight_gets_through() -> bool:
    async with target() as it:
        return (await it.send([], "OPTIONS")).status == 200


@attack
async def a_websocket_opens() -> bool:
    async with target() as it:

        async def anything(*_: Any) -> dict[str, Any]:
            return {}

        await it.app({"type": "websocket", "path": "/tsk_1", "headers": []}, anything, anything)
        return it.reached != []


@attack
async def a_path_that_is_no_address_is_proved() -> bool:
    async with target() as it:
        headers = it.headers(it.token(), url=f"{URL}/\xff")
        return (await it.send(headers, path="/tsk_1", raw_path=b"/\xff")).status == 200


# What the token allows


@attack
async def a_token_for_reading_writes() -> bool:
    async with target() as it:
        return await it.lets_in(it.token(actions=["task:read"]))


@attack
async def a_token_of_another_task_writes() -> bool:
    async with target() as it:
        return (await it.ask(it.token(), "/tsk_2")).status == 200


@attack
async def the_device_that_a_task_has_moved_from_writes() -> bool:
    async with target() as it:
        await it.ask(it.token(epoch=2))
        return await it.lets_in(it.token(epoch=1))


@attack
async def other_tasks_push_the_epoch_of_a_task_out_of_the_memory() -> bool:
    async with target(tasks=2) as it:
        for task in ("tsk_1", "tsk_2", "tsk_3"):
            await it.ask(it.token(task_id=task, epoch=2), f"/{task}")
        return await it.epochs.raise_to("tsk_1", 1) == 1


@attack
async def a_handler_that_requires_nothing_or_nonsense_starts() -> bool:
    started = []
    for actions in ((), ("task:wrte",)):
        with suppress(ValueError):
            started.append(requires(*actions))
    return started != []


# Once


@attack
async def a_captured_request_works_again() -> bool:
    async with target() as it:
        headers = it.headers(it.token(), url=f"{URL}/tsk_1")
        await it.send(headers, path="/tsk_1")
        return (await it.send(headers, path="/tsk_1")).status == 200


@attack
async def a_captured_request_works_again_while_its_proof_is_fresh() -> bool:
    async with target() as it:
        headers = it.headers(it.token(), url=f"{URL}/tsk_1")
        await it.send(headers, path="/tsk_1")
        it.now += 50
        return (await it.send(headers, path="/tsk_1")).status == 200


@attack
async def a_captured_request_works_again_when_the_memory_is_lost() -> bool:
    async with target() as it:
        headers = it.headers(it.token(), url=f"{URL}/tsk_1")
        await it.send(headers, path="/tsk_1")
        it.memory._random = lambda size: b"j" * size
        it.memory.begin_anew()
        return (await it.send(headers, path="/tsk_1")).status == 200


@attack
async def the_memory_of_uses_grows_without_bound() -> bool:
    async with target(uses=2) as it:
        return [(await it.ask(it.token())).status for _ in range(3)] != [200, 200, 503]


@attack
async def the_memory_of_tokens_grows_without_bound() -> bool:
    recent: Recent[int, int] = Recent(2)
    for number in range(5):
        recent.put(number, number)
    return len(recent) > 2


@attack
async def a_device_with_a_long_header_takes_up_much_room() -> bool:
    async with target() as it:
        token = it.token()
        claims = {"jti": "1", "htm": "GET", "htu": f"{URL}/tsk_1", "iat": it.now, "nonce": it.nonce}
        claims["ath"] = jose.b64url_encode(hashlib.sha256(token.encode()).digest())
        header = {"typ": "dpop+jwt", "jwk": it.device.key.jwk, "more": "x" * 4000}
        proof = jose.sign(header, claims, it.device.key._private_key)
        fields = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]
        await it.send(fields, path="/tsk_1")
        return len(it.app._guard._proofs._signers) != 0


@attack
async def the_jti_of_a_stranger_spoils_a_request() -> bool:
    async with target() as it:
        for device in (TestDevice(clock=lambda: it.now), it.device):
            token = it.issuer.token(device, task_id="tsk_1", actions=["task:write"])
            proof = device.key.proof(
                "GET", f"{URL}/tsk_1", now=it.now, nonce=it.nonce, access_token=token, jti="the same"
            )
            fields = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]
            answer = await it.send(fields, path="/tsk_1")
        return answer.status != 200


@attack
async def a_cache_keeps_a_nonce() -> bool:
    async with target() as it:
        it.cache_control = b"max-age=60"
        kept = await it.ask(it.token())
        it.cache_control = None
        silent = await it.ask(it.token())
        return "dpop-nonce" in kept.headers or silent.headers.get("cache-control") != "no-store"


@attack
async def a_short_or_short_lived_secret_makes_nonces() -> bool:
    made = []
    for secret, lifetime in ((b"x" * 31, 60), (b"x" * 32, 0)):
        with suppress(ValueError):
            made.append(Nonces(secret, lifetime=lifetime))
    return made != []
