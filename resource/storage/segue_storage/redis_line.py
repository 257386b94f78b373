"""The way to one Redis: what is asked in one turn of the event loop goes out together, and each gets its own answer.

One connection, whose answers come in the order of the questions. Nothing is asked twice: a use whose answer was lost
would look like a second use. Time counts as far as the event loop had it. A loop that stood still has not polled its
sockets, so an answer may be there all along; one step of a clock is then all that has passed.
"""

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from hiredis import pack_command
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

Word = str | bytes | int
OUTAGE = (RedisError, OSError, TimeoutError)
"""What is raised when Redis cannot be had, or cannot do what it was asked."""
STEP = 0.05
"""Seconds that one step of the clock counts for, however long it took."""
ANSWER = 1.0
"""Seconds that Redis has for one answer, and for a new connection."""

_STEPS = round(ANSWER / STEP)


def packed(*words: Word) -> bytes:
    """A command as it is sent."""
    command: bytes = pack_command(words)  # type: ignore[arg-type]  # which says that there is one word
    return command


class Script:
    """A script that Redis is told once and knows by its digest from then on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Line:
    """One connection while it lasts."""

    def __init__(self, connection: Connection) -> None:
        self.ended = False
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._outgoing: list[bytes] = []
        self._asked = asyncio.Event()
        self._questions: deque[tuple[asyncio.Future[Any], int]] = deque()
        self._step = 0
        self._stepping = False
        self._silent = asyncio.Event()
        self._talking = asyncio.create_task(self._talk(), name="segue-redis")

    async def ask(self, *words: Word) -> Any:
        """Redis's answer to a command. Raises one of `OUTAGE`; whether the command was done is then not known."""
        if self.ended:
            raise RedisConnectionError("the connection to Redis has ended")
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._outgoing.append(packed(*words))
        self._questions.append((answer, self._step))
        self._asked.set()
        if not self._stepping:
            self._stepping = True
            self._loop.call_later(STEP, self._pass)
        return await answer

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> Any:
        """The answer of a script. A Redis that does not know it has done nothing, and is told."""
        try:
            return await self.ask("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.ask("EVAL", script.text, len(keys), *keys, *arguments)

    async def aclose(self) -> None:
        self._talking.cancel()
        await asyncio.wait({self._talking})

    async def _talk(self) -> None:
        reason: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                for each in (self._write, self._read, self._give_up):
                    tasks.create_task(each())
        except* OUTAGE as outage:
            reason = outage.exceptions[0]
        finally:
            self._end(reason)
            await self._connection.disconnect(nowait=True)

    async def _write(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            together, self._outgoing = self._outgoing, []
            await self._connection.send_packed_command(together, check_health=False)

    async def _read(self) -> None:
        while True:
            try:
                answer, refused = await self._connection.read_response(timeout=math.inf), None
            except ResponseError as error:
                answer, refused = None, error
            question, _ = self._questions.popleft()
            if question.done():  # its caller has left
                continue
            if refused is None:
                question.set_result(answer)
            else:
                question.set_exception(refused)

    def _pass(self) -> None:
        """A step has passed. A question that waited too long ends the line: what follows waits for the same answer."""
        self._step += 1
        self._stepping = bool(self._questions)
        if self._stepping:
            self._loop.call_later(STEP, self._pass)
            if self._step - self._questions[0][1] > _STEPS:
                self._silent.set()

    async def _give_up(self) -> None:
        await self._silent.wait()
        raise TimeoutError("Redis is silent")

    def _end(self, reason: BaseException | None) -> None:
        self.ended = True
        while self._questions:
            question, _ = self._questions.popleft()
            if not question.done():
                lost = RedisConnectionError("the connection to Redis broke")
                lost.__cause__ = reason
                question.set_exception(lost)


class Node:
    """Where a Redis is. `connect` makes a connection to it that is not open yet."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._line: Line | None = None
        self._opening: asyncio.Task[Exception | None] | None = None

    @property
    def is_open(self) -> bool:
        return self._line is not None and not self._line.ended

    async def line(self) -> Line:
        """The open line; if there is none, whoever waits shares the attempt to open one. Raises one of `OUTAGE`."""
        while self._line is None or self._line.ended:
            if self._opening is None or self._opening.done():
                self._opening = asyncio.create_task(self._open(), name="segue-redis-connect")
            failure = await asyncio.shield(self._opening)
            if failure is not None:
                raise RedisConnectionError(f"no connection to Redis: {failure}") from failure
        return self._line

    async def connection(self) -> Connection:
        """A new connection, for its caller alone. Raises one of `OUTAGE`."""
        connection = self._connect()
        settling = asyncio.create_task(_settle(connection))
        try:
            for _ in range(_STEPS):
                if (await asyncio.wait({settling}, timeout=STEP))[0]:
                    settling.result()
                    return connection
            raise TimeoutError("Redis is silent")
        except BaseException:
            settling.cancel()
            await asyncio.wait({settling})
            await connection.disconnect(nowait=True)
            raise

    async def aclose(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        if self._line is not None:
            await self._line.aclose()

    async def _open(self) -> Exception | None:
        """What went wrong, for each of those who wait."""
        try:
            self._line = Line(await self.connection())
        except OUTAGE as outage:
            return outage
        return None


async def _settle(connection: Connection) -> None:
    """Connect. Refuses a Redis that forgets what it was told to remember."""
    await connection.connect()  # type: ignore[no-untyped-call]
    await connection.send_command("INFO", "memory", check_health=False)
    information = await connection.read_response()
    facts = dict(line.split(":", 1) for line in information.decode().splitlines() if ":" in line)
    if facts.get("maxmemory") != "0" and facts.get("maxmemory_policy") != "noeviction":
        raise RedisConnectionError("this Redis forgets uses when it is full: set maxmemory-policy to noeviction")
