"""The scripts by which Redis adds a batch of events, whole or not at all, and tells what it has."""

# A mark is "SEQ ID ADDED": the number of the run's last event, its entry, and how many entries the stream had ever been
# given by then. ID and ADDED are missing where an older program wrote it, or where XINFO is not allowed. The stream is
# another one, made anew after its eviction by somebody else, when the entry is not there and fewer were ever added, or
# none so late; an entry that was trimmed or erased leaves both counts alone.
_KNOWN = """
local function about()
  local told = redis.pcall('XINFO', 'STREAM', KEYS[1])
  local found = {}
  if told.err then return found end
  for i = 1, #told, 2 do found[told[i]] = told[i + 1] end
  return found
end
local function later(one, other)
  local a, b = string.match(one, '^(%d+)-(%d+)$')
  local c, d = string.match(other, '^(%d+)-(%d+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a > c or (a == c and b > d)
end
local function known(mark)
  if not mark or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  local seq, id, added = string.match(mark, '^(%d+) (%d+-%d+) (%d*)$')
  if not seq then return tonumber(mark) end
  local there = redis.pcall('XREVRANGE', KEYS[1], id, id)
  if there.err or #there > 0 then return tonumber(seq) end
  local now = about()
  local ever = now['entries-added']
  if now['last-generated-id'] and later(id, now['last-generated-id']) then return 0 end
  if ever and added ~= '' and ever < tonumber(added) then return 0 end
  return tonumber(seq)
end
"""

# KEYS: stream, mark. Answers the number of the run's last event that the stream was given, 0 for none.
MARK = _KNOWN + "return known(redis.call('GET', KEYS[2]))"

# KEYS: stream, mark. ARGV: the mark believed in, the mark's TTL, MAXLEN, then six fields of each event.
# Answers {1, mark} when it has added them, else {0, the mark it found}. What may be refused (full, read-only, not
# allowed, another kind of key) comes first, so that nothing is added by half; listeners are told last and at will.
APPEND = (
    _KNOWN
    + """
local before = redis.call('GET', KEYS[2])
local mark = known(before)
if tonumber(ARGV[1]) ~= mark then return {0, mark} end
local last = ARGV[#ARGV - 1]
redis.call('SET', KEYS[2], last, 'EX', ARGV[2])
local newest
for i = 4, #ARGV, 6 do
  local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'event_id', ARGV[i], 'type', ARGV[i + 1],
    'source_id', ARGV[i + 2], 'track_uid', ARGV[i + 3], 'seq', ARGV[i + 4], 'payload', ARGV[i + 5])
  if type(added) == 'table' and added.err then
    if before then redis.call('SET', KEYS[2], before, 'EX', ARGV[2]) else redis.call('DEL', KEYS[2]) end
    return added
  end
  newest = added
end
redis.pcall('SET', KEYS[2], last .. ' ' .. newest .. ' ' .. (about()['entries-added'] or ''), 'EX', ARGV[2])
for i = 4, #ARGV, 6 do
  redis.pcall('PUBLISH', KEYS[1], ARGV[i + 5])
  if ARGV[i + 2] ~= '' then redis.pcall('PUBLISH', KEYS[1] .. ':' .. ARGV[i + 2], ARGV[i + 5]) end
end
return {1, tonumber(last)}
"""
)

# KEYS: stream. ARGV: where to begin, how many entries to look at, then fingerprints of tracks. Deletes their entries;
# answers where to go on ('' at the end), then the fingerprint of each that it deleted.
ERASE = """
local wanted = {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local rows = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local found, answer = {}, {''}
for _, row in ipairs(rows) do
  for i = 1, #row[2], 2 do
    if row[2][i] == 'track_uid' then
      local print = redis.sha1hex(row[2][i + 1])
      if wanted[print] then
        found[#found + 1] = row[1]
        answer[#answer + 1] = print
      end
      break
    end
  end
end
if #found > 0 then redis.call('XDEL', KEYS[1], unpack(found)) end
if #rows == tonumber(ARGV[2]) then answer[1] = '(' .. rows[#rows][1] end
return answer
"""
