"""The Lua of the Redis store, and what a new connection must settle before anything is asked over it.

The memory of uses is lost when Redis is emptied, when it is started again (from a snapshot too: that is older than
the loss), when a replica takes over, and when the servers' clocks step back. Each time the incarnation changes. A new
life of Redis is known by its `run_id`, and it cannot be met but over a new connection.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

MEMORY = "segue:memory"
"""A hash: `id`, the incarnation; `run`, the life of Redis that it belongs to; `latest`, the highest time seen."""

_SETTLE = """
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'run', ARGV[1], 'id', ARGV[2])
end
"""

REMEMBER = """
local now = tonumber(ARGV[1])
local id, latest = unpack(redis.call('HMGET', KEYS[1], 'id', 'latest'))
latest = tonumber(latest or 0)
if not id or now < latest - tonumber(ARGV[2]) then
  id = ARGV[3]
  redis.call('HSET', KEYS[1], 'id', id, 'latest', now)
elseif now > latest then
  redis.call('HSET', KEYS[1], 'latest', now)
end
if not KEYS[2] then return id end
if id ~= ARGV[4] then return -1 end
if redis.call('SET', KEYS[2], '', 'NX', 'EX', ARGV[5]) then return 1 end
return 0
"""
"""KEYS: memory, use. ARGV: now, allowed step back, next incarnation, claimed incarnation, lifetime.

Answers the incarnation if no use is named; else -1 if the claimed one is void, 1 for the first use, 0 for another.
"""

ALLOW = """
local oldest = redis.call('LINDEX', KEYS[1], tonumber(ARGV[2]) - 1)
if oldest and tonumber(oldest) > tonumber(ARGV[1]) - tonumber(ARGV[3]) then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[2]) - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
"""KEYS: a list of the times allowed, newest first. ARGV: now, limit (at least 1), window."""


def settle(random: Callable[[int], bytes]) -> Callable[[Any], Awaitable[None]]:
    """Make what redis-py calls with each new connection. `random(n)` gives n random bytes."""

    async def on_connect(connection: Any) -> None:
        await connection.on_connect()
        information = await _ask(connection, "INFO", "server", "memory")
        facts = dict(line.split(":", 1) for line in information.decode().splitlines() if ":" in line)
        if "run_id" not in facts:
            raise RedisConnectionError("this Redis does not tell its run_id, so its loss of memory would go unseen")
        if facts.get("maxmemory") != "0" and facts.get("maxmemory_policy") != "noeviction":
            raise RedisConnectionError("this Redis forgets uses when it is full: set maxmemory-policy to noeviction")
        await _ask(connection, "EVAL", _SETTLE, 1, MEMORY, facts["run_id"], random(16).hex())

    return on_connect


async def _ask(connection: Any, *command: str | int) -> Any:
    await connection.send_command(*command, check_health=False)
    return await connection.read_response()
