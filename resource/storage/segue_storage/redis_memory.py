"""The memory of uses in Redis, in parts: each tag has its uses, and the incarnation that they are remembered under.

A part is lost when its Redis is emptied, when it is started again (from a snapshot too: that is older than the loss),
when a replica takes over, when its slot moves to another Redis, and when the servers' clocks step back. Each time its
incarnation changes, and that of no other part. Redis gives itself another `master_replid` whenever it becomes a
master: when it starts, and when it takes over. So the script asks who it is running in, whatever lies in between.

Redis forgets by its own clock, so a server's clock must not have gone slower than that since the part was last used:
a proof of then would be good again, and its use forgotten. Uses are kept longer by as much as it may.
"""

from .redis_line import Script
from .redis_shards import TAGS, Tag

SIZE = 8
"""Bytes of the incarnation of one part: it only has to be another one each time."""
AWAY = b"\0" * SIZE
"""In the place of a part that cannot be asked. It is never the incarnation of one."""

KEPT_LONGER = 60
"""Seconds that a server's clock may go slower than that of Redis, beside the step that it may take back."""

MEMORY = "memory"
"""Of each tag, a hash: `id`, the incarnation; `life`, the master it belongs to; `latest`, the highest time told, and
`seen`, when that was by the clock of Redis."""

REMEMBER = Script("""
local life = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local now, seen = tonumber(ARGV[1]), tonumber(redis.call('TIME')[1])
local step, longer = tonumber(ARGV[2]), tonumber(ARGV[3])
local id, life_before, latest, seen_before = unpack(redis.call('HMGET', KEYS[1], 'id', 'life', 'latest', 'seen'))
latest, seen_before = tonumber(latest or now), tonumber(seen_before or seen)
local slower = latest + seen - seen_before - now
if life ~= life_before or now < latest - step or slower > step + longer then
  id = ARGV[4]
  redis.call('HSET', KEYS[1], 'id', id, 'life', life, 'latest', now, 'seen', seen)
elseif now > latest then
  redis.call('HSET', KEYS[1], 'latest', now, 'seen', seen)
end
if not KEYS[2] then return id end
if id ~= ARGV[5] then return -1 end
local ending = redis.call('GET', KEYS[2])
if ending and tonumber(ending) > now then return 0 end
redis.call('SET', KEYS[2], now + ARGV[6], 'EX', ARGV[6] + longer)
return 1
""")
"""KEYS: memory, use. ARGV: now, allowed step back, `KEPT_LONGER`, next incarnation, claimed incarnation, lifetime.

Answers the incarnation if no use is named; else -1 if the claimed one is void, 1 for the first use, 0 for another.
"""

ALLOW = Script("""
local oldest = redis.call('LINDEX', KEYS[1], tonumber(ARGV[2]) - 1)
if oldest and tonumber(oldest) > tonumber(ARGV[1]) - tonumber(ARGV[3]) then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[2]) - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
""")
"""KEYS: a list of the times allowed, newest first. ARGV: now, limit (at least 1), window."""


def part(incarnation: bytes, tag: Tag) -> bytes:
    """What the incarnation of the whole memory says of one part of it; nothing if it is malformed."""
    return incarnation[tag.number * SIZE :][:SIZE] if len(incarnation) == TAGS * SIZE else b""
