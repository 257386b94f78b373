"""What only Redis can do: be emptied, start again, hang, be full, forget on its own account."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from redis_server import RedisServer, running_redis
from segue_storage.ephemeral import Ephemeral, MemoryLost, MemoryUnavailable, open_ephemeral
from segue_storage.redis_line import ANSWER, STEP
from segue_storage.redis_memory import KEPT_LONGER, MEMORY
from segue_storage.redis_shards import TAGS, placed

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

PATIENCE = 4.0
"""Seconds in which every answer has come, or the outage is known."""
PARTS, PARTS_AND_ONE = (b":%d\r\n" % (TAGS + more) for more in (0, 1))
"""How many keys Redis has when each part of the memory has its incarnation."""


@pytest.fixture
async def ephemeral(own_redis: RedisServer) -> AsyncIterator[Ephemeral]:
    ephemeral = open_ephemeral(own_redis.url)
    yield ephemeral
    own_redis.resume()
    await ephemeral.aclose()


@pytest.mark.requirement("XD-DPOP-05")
@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB"])
async def test_a_redis_that_was_emptied_has_another_incarnation(
    own_redis: RedisServer, ephemeral: Ephemeral, command: str
) -> None:
    before = await _used(ephemeral, "a")
    own_redis.ask(command)
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("a", lifetime=60, incarnation=before)
    after = await ephemeral.incarnation()
    assert after != before
    assert await ephemeral.first_use("a", lifetime=60, incarnation=after)
    assert await ephemeral.incarnation() == after


@pytest.mark.requirement("XD-DPOP-05")
async def test_a_redis_that_started_again_has_another_incarnation(own_redis: RedisServer, ephemeral: Ephemeral) -> None:
    before = await _used(ephemeral, "a")
    await _restart(own_redis)
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("a", lifetime=60, incarnation=before)
    assert await ephemeral.incarnation() != before


@pytest.mark.requirement("XD-DPOP-05", "XD-OPS-05")
async def test_a_redis_that_started_from_a_snapshot_has_another_incarnation(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    before = await _used(ephemeral, "a")
    assert own_redis.ask("SAVE") == b"+OK\r\n"
    assert not await ephemeral.first_use("a", lifetime=60, incarnation=before)
    assert await ephemeral.first_use("b", lifetime=60, incarnation=before)  # newer than the snapshot
    await _restart(own_redis)
    assert own_redis.ask("DBSIZE") == PARTS_AND_ONE
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("b", lifetime=60, incarnation=before)


@pytest.mark.requirement("XD-DPOP-05", "XD-OPS-05")
async def test_a_redis_that_followed_another_one_for_a_while_has_another_incarnation(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    """It runs all the time and keeps its connections, yet has forgotten what the other one never heard of."""
    with running_redis() as other:
        await _follow(other, own_redis)
        before = await _used(ephemeral, "a")
        while other.ask("DBSIZE") != PARTS_AND_ONE:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        other.ask("REPLICAOF", "NO", "ONE")
        assert await ephemeral.first_use("b", lifetime=60, incarnation=before)
        await _follow(own_redis, other)
        own_redis.ask("REPLICAOF", "NO", "ONE")
    assert own_redis.ask("DBSIZE") == PARTS_AND_ONE
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("b", lifetime=60, incarnation=before)


async def test_a_new_connection_changes_nothing(own_redis: RedisServer, ephemeral: Ephemeral) -> None:
    before = await ephemeral.incarnation()
    other = open_ephemeral(own_redis.url)
    assert await other.incarnation() == before == await ephemeral.incarnation()
    await other.aclose()


@pytest.mark.requirement("XD-OPS-06", "XD-DPOP-05")
@pytest.mark.parametrize("outage", ["stop", "suspend"])
async def test_without_redis_every_decision_is_refused_in_bounded_time(
    own_redis: RedisServer, ephemeral: Ephemeral, outage: str
) -> None:
    incarnation = await ephemeral.incarnation()
    getattr(own_redis, outage)()
    began = time.monotonic()
    refused = await asyncio.gather(
        ephemeral.incarnation(),
        ephemeral.first_use("a", lifetime=60, incarnation=incarnation),
        ephemeral.allow("a", limit=1, window=60),
        *(ephemeral.incarnation() for _ in range(60)),
        return_exceptions=True,
    )
    assert {type(each) for each in refused} == {MemoryUnavailable}
    assert time.monotonic() - began < PATIENCE


@pytest.mark.requirement("XD-OPS-06")
async def test_a_use_whose_answer_was_lost_is_in_doubt_and_is_not_asked_again(own_redis: RedisServer) -> None:
    async with _losing_answers(own_redis) as (url, losing):
        ephemeral = open_ephemeral(url)
        incarnation = await _used(ephemeral, "a")
        losing.set()
        with pytest.raises(MemoryUnavailable):
            await ephemeral.first_use("b", lifetime=60, incarnation=incarnation)
        assert not await ephemeral.first_use("b", lifetime=60, incarnation=incarnation)
        await ephemeral.aclose()


@pytest.mark.requirement("XD-OPS-06")
async def test_an_event_loop_that_stood_still_gets_the_answer_that_is_there(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    incarnation = await ephemeral.incarnation()
    uses = asyncio.gather(*(ephemeral.first_use(key, lifetime=60, incarnation=incarnation) for key in "abc"))
    while own_redis.ask("DBSIZE") == PARTS:  # noqa: ASYNC110 - until Redis has been asked
        await asyncio.sleep(0)
    time.sleep(1.5 * ANSWER)  # noqa: ASYNC251 - that is what is tried
    assert await uses == [True] * 3


@pytest.mark.requirement("XD-OPS-06")
async def test_an_event_loop_that_is_slow_knows_an_outage_after_as_many_turns(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    incarnation = await ephemeral.incarnation()
    own_redis.suspend()
    use = asyncio.create_task(ephemeral.first_use("a", lifetime=60, incarnation=incarnation))
    turns = 0
    while not use.done():
        time.sleep(STEP)  # noqa: ASYNC251
        await asyncio.sleep(0)
        turns += 1
    with pytest.raises(MemoryUnavailable):
        await use
    assert turns < 3 * ANSWER / STEP


@pytest.mark.requirement("XD-OPS-06")
async def test_what_is_asked_in_one_turn_of_the_event_loop_goes_out_at_once(own_redis: RedisServer) -> None:
    async with _counting_questions(own_redis) as (url, questions):
        ephemeral = open_ephemeral(url)
        incarnation = await ephemeral.incarnation()
        questions.clear()
        uses = (ephemeral.first_use(str(number), lifetime=60, incarnation=incarnation) for number in range(50))
        assert all(await asyncio.gather(*uses))
        assert len(questions) == 1
        await ephemeral.aclose()


@pytest.mark.requirement("XD-OPS-06")
async def test_one_question_that_is_refused_or_given_up_leaves_the_others_their_answers(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    incarnation = await ephemeral.incarnation()
    own_redis.ask("LPUSH", placed("notes", "board")[1], "not a board")
    left = asyncio.create_task(ephemeral.first_use("left", lifetime=60, incarnation=incarnation))
    await asyncio.sleep(0)
    left.cancel()
    answers = await asyncio.gather(
        ephemeral.first_use("a", lifetime=60, incarnation=incarnation),
        ephemeral.notes("board"),
        ephemeral.first_use("a", lifetime=60, incarnation=incarnation),
        return_exceptions=True,
    )
    assert [type(each) for each in answers] == [bool, MemoryUnavailable, bool]
    assert (answers[0], answers[2]) == (True, False)
    assert left.cancelled()


@pytest.mark.requirement("XD-DPOP-05")
async def test_the_loss_of_one_part_of_the_memory_voids_what_rests_on_that_part_alone(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    before = await ephemeral.incarnation()
    tag, _ = placed("use", "a")
    other = next(str(number) for number in range(100) if placed("use", str(number))[0] != tag)
    own_redis.ask("DEL", f"{tag.prefix}{MEMORY}")
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("a", lifetime=60, incarnation=before)
    assert await ephemeral.first_use(other, lifetime=60, incarnation=before)
    assert await ephemeral.first_use("a", lifetime=60, incarnation=await ephemeral.incarnation())


@pytest.mark.requirement("XD-DPOP-05", "XD-OPS-05")
async def test_a_clock_that_went_slower_than_that_of_redis_voids_what_redis_forgot_meanwhile(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    """As on a machine minutes behind the others, in a part of the memory that nobody has asked since."""
    before = await _used(ephemeral, "a")
    tag, use = placed("use", "a")
    own_redis.ask("HINCRBY", f"{tag.prefix}{MEMORY}", "seen", str(-KEPT_LONGER))
    assert not await ephemeral.first_use("a", lifetime=60, incarnation=before)
    own_redis.ask("HINCRBY", f"{tag.prefix}{MEMORY}", "seen", "-8")
    own_redis.ask("DEL", use)
    with pytest.raises(MemoryLost):
        await ephemeral.first_use("a", lifetime=60, incarnation=before)


@pytest.mark.requirement("XD-OPS-06")
async def test_a_redis_that_was_away_is_used_again(own_redis: RedisServer, ephemeral: Ephemeral) -> None:
    incarnation = await ephemeral.incarnation()
    own_redis.suspend()
    with pytest.raises(MemoryUnavailable):
        await ephemeral.incarnation()
    own_redis.resume()
    assert await ephemeral.incarnation() == incarnation
    assert await ephemeral.first_use("a", lifetime=60, incarnation=incarnation)


@pytest.mark.requirement("XD-DPOP-05", "XD-DOS-06")
async def test_a_full_redis_refuses_a_new_use_and_remembers_the_old(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    incarnation = await _used(ephemeral, "a")
    own_redis.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(MemoryUnavailable):
        await ephemeral.first_use("b", lifetime=60, incarnation=incarnation)
    own_redis.ask("CONFIG", "SET", "maxmemory", "0")
    assert not await ephemeral.first_use("a", lifetime=60, incarnation=incarnation)


@pytest.mark.requirement("XD-DPOP-05")
async def test_a_redis_that_would_evict_uses_is_not_relied_on(own_redis: RedisServer, ephemeral: Ephemeral) -> None:
    own_redis.ask("CONFIG", "SET", "maxmemory", "100mb")
    own_redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(MemoryUnavailable) as refused:
        await ephemeral.incarnation()
    assert "noeviction" in str(refused.value.__cause__)


@pytest.mark.requirement("XD-DOS-06")
async def test_everything_is_forgotten_in_the_end(own_redis: RedisServer, ephemeral: Ephemeral) -> None:
    incarnation = await ephemeral.incarnation()
    await ephemeral.first_use("a", lifetime=1, incarnation=incarnation)
    assert own_redis.ask("TTL", placed("use", "a")[1]) == b":%d\r\n" % (1 + KEPT_LONGER)
    own_redis.ask("EXPIRE", placed("use", "a")[1], "1")
    await ephemeral.allow("a", limit=5, window=1)
    await ephemeral.open_text("a", "b", b"", most=1, lifetime=1)
    await asyncio.sleep(1.2)
    kept = own_redis.ask("KEYS", "*").split(b"\r\n")[2::2]
    assert len(kept) == TAGS
    assert all(key.endswith(b":memory") for key in kept)


@pytest.mark.requirement("T7", "T8")
async def test_after_an_outage_a_listener_looks_again_and_hears_again(
    own_redis: RedisServer, ephemeral: Ephemeral
) -> None:
    async with ephemeral.listen("task") as listener:
        own_redis.stop()
        await ephemeral.wake("task")  # lost
        assert not await listener.wait(0.1)
        own_redis.start()
        assert await listener.wait(PATIENCE)
        await ephemeral.wake("task")
        assert await listener.wait(PATIENCE)


@pytest.mark.requirement("T8")
@pytest.mark.parametrize("outage", ["stop", "suspend"])
async def test_during_an_outage_listening_begins_and_waiting_times_out(
    own_redis: RedisServer, ephemeral: Ephemeral, outage: str
) -> None:
    getattr(own_redis, outage)()
    async with asyncio.timeout(PATIENCE):
        async with ephemeral.listen("task") as listener:
            await ephemeral.wake("task")
            assert not await listener.wait(0.1)


@pytest.mark.requirement("XD-DOS-06")
async def test_redis_is_told_when_the_last_listener_has_left(own_redis: RedisServer, ephemeral: Ephemeral) -> None:
    async with ephemeral.listen("task"):
        async with ephemeral.listen("task"):
            pass
        assert _channels(own_redis).endswith(b":topic:task\r\n")
    await asyncio.sleep(0.2)
    assert _channels(own_redis) == b"*0\r\n"
    async with ephemeral.listen("task") as listener:
        assert not await listener.wait(0.1)


async def _restart(server: RedisServer) -> None:
    server.stop()
    server.start()
    await asyncio.sleep(0.1)  # the event loop, which stood still, hears that its connections broke


async def _follow(server: RedisServer, leader: RedisServer) -> None:
    leader.ask("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    server.ask("REPLICAOF", "127.0.0.1", str(leader.port))
    async with asyncio.timeout(20):
        while b"master_link_status:up" not in server.ask("INFO", "replication"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _channels(server: RedisServer) -> bytes:
    return server.ask("PUBSUB", "SHARDCHANNELS")


async def _used(ephemeral: Ephemeral, key: str) -> bytes:
    """Use the key; the incarnation that it was used under."""
    incarnation = await ephemeral.incarnation()
    assert await ephemeral.first_use(key, lifetime=60, incarnation=incarnation)
    return incarnation


@asynccontextmanager
async def _losing_answers(redis: RedisServer) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A way to the Redis that, once the event is set, passes one question on and loses its answer."""
    losing = asyncio.Event()

    def lost(_: bytes) -> bool:
        try:
            return losing.is_set()
        finally:
            losing.clear()

    async with _passing_on(redis, lost) as url:
        yield url, losing


@asynccontextmanager
async def _counting_questions(redis: RedisServer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A way to the Redis, and what came over it at once each time."""
    questions: list[bytes] = []

    def lost(question: bytes) -> bool:
        questions.append(question)
        return False

    async with _passing_on(redis, lost) as url:
        yield url, questions


@asynccontextmanager
async def _passing_on(redis: RedisServer, lost: Callable[[bytes], bool]) -> AsyncIterator[str]:
    """The URL of a way to the Redis on which the answer to a question that is `lost` ends it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", urlsplit(redis.url).port)
        last = asyncio.Event()

        async def answers() -> None:
            while (answer := await there_reader.read(65536)) and not last.is_set():
                writer.write(answer)
            writer.close()

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(answers())
                while question := await reader.read(65536):
                    if lost(question):
                        last.set()
                    there_writer.write(question)
                there_writer.close()
        except* ConnectionError:
            pass
        for each in (there_writer, writer):
            each.close()
            with suppress(ConnectionError):
                await each.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
