"""The Lua of growing texts and of notes in Redis. Times of texts are Redis's own, times of notes the servers'."""

from .redis_line import Script

OPEN = Script("""
local open = 0
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. name) == 1 then open = open + 1 else redis.call('SREM', KEYS[1], name) end
end
if open >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[2], 'about', ARGV[3], 'length', 0)
redis.call('EXPIRE', KEYS[2], ARGV[5])
redis.call('SADD', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
""")
"""KEYS: names of the group, text. ARGV: prefix of the group's texts, name, about, most, lifetime."""

EXTEND = Script("""
local length, stopped, last, mark = unpack(redis.call('HMGET', KEYS[2], 'length', 'stopped', 'last', 'mark'))
if not length then return {'gone', 0} end
length = tonumber(length)
if stopped then return {'stopped', length} end
local at, size = tonumber(ARGV[2]), tonumber(ARGV[3])
if at ~= length then
  if last and tonumber(last) == at and mark == ARGV[4] and at + size == length then return {'extended', length} end
  return {'elsewhere', length}
end
if length + size > tonumber(ARGV[5]) then return {'full', length} end
redis.call('RPUSH', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[2], 'length', length + size, 'last', at, 'mark', ARGV[4])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[6]) end
return {'extended', length + size}
""")
"""KEYS: names of the group, text, its pieces. ARGV: piece, at, size, mark, limit, lifetime."""

STOP = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
redis.call('HSET', KEYS[1], 'stopped', 1)
return tonumber(redis.call('HGET', KEYS[1], 'length'))
""")

TEXTS = Script("""
local known, found = {}, {}
for number = 2, #ARGV, 2 do known[ARGV[number]] = tonumber(ARGV[number + 1]) end
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local about, length, stopped = unpack(redis.call('HMGET', ARGV[1] .. name, 'about', 'length', 'stopped'))
  if about then
    local first = known[name] or 0
    local pieces = redis.call('LRANGE', ARGV[1] .. name .. ':pieces', first, -1)
    found[#found + 1] = {name, about, tonumber(length), stopped and 1 or 0, first, pieces}
  end
end
return found
""")
"""KEYS: names of the group. ARGV: prefix of the group's texts, then names with how many pieces are known."""

PUT = Script("""
local now, live, before = tonumber(ARGV[1]), 0, nil
local notes = redis.call('HGETALL', KEYS[1])
for number = 1, #notes, 2 do
  local expires_at, value = string.match(notes[number + 1], '^(%d+):(.*)$')
  if tonumber(expires_at) <= now then
    redis.call('HDEL', KEYS[1], notes[number])
  elseif notes[number] == ARGV[2] then
    before = value
  else
    live = live + 1
  end
end
if not before and live >= tonumber(ARGV[4]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[2], string.format('%d:%s', now + tonumber(ARGV[5]), ARGV[3]))
redis.call('EXPIRE', KEYS[1], ARGV[5])
if before == ARGV[3] then return 0 end
return 1
""")
"""KEYS: a board, a hash of `expires_at:value`. ARGV: now, name, value, most, lifetime. 1 if it says a new thing."""
