"""The script by which Redis adds a batch of events, whole or not at all."""

# KEYS: stream, mark. ARGV: the mark believed in, the mark's TTL, MAXLEN, then six fields of each event.
# Answers {1, mark} when it has added them, else {0, the mark it found}. What may be refused (full, read-only, not
# allowed, another kind of key) comes first, so that nothing is added by half; listeners are told last and at will.
APPEND = """
local before = redis.call('GET', KEYS[2])
local mark = tonumber(before or '0')
if redis.call('EXISTS', KEYS[1]) == 0 then mark = 0 end
if tonumber(ARGV[1]) ~= mark then return {0, mark} end
local last = ARGV[#ARGV - 1]
redis.call('SET', KEYS[2], last, 'EX', ARGV[2])
for i = 4, #ARGV, 6 do
  local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'event_id', ARGV[i], 'type', ARGV[i + 1],
    'source_id', ARGV[i + 2], 'track_uid', ARGV[i + 3], 'seq', ARGV[i + 4], 'payload', ARGV[i + 5])
  if type(added) == 'table' and added.err then
    if before then redis.call('SET', KEYS[2], before, 'EX', ARGV[2]) else redis.call('DEL', KEYS[2]) end
    return added
  end
end
for i = 4, #ARGV, 6 do
  redis.pcall('PUBLISH', KEYS[1], ARGV[i + 5])
  if ARGV[i + 2] ~= '' then redis.pcall('PUBLISH', KEYS[1] .. ':' .. ARGV[i + 2], ARGV[i + 5]) end
end
return {1, tonumber(last)}
"""
