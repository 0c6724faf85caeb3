-- The log has a record at this position. Whoever stored it counts it in a moment; if nobody has after a second, the counters
-- are stale (see quota_ask.lua).
--   KEYS[1] account   hash   see quota_ask.lua
-- ARGV: clock offset (ms), position
local a = redis.call('HMGET', KEYS[1], 'at', 'head')
local position = tonumber(ARGV[2])
if not a[1] or tonumber(a[1]) >= position then return 0 end
if not a[2] or tonumber(a[2]) <= tonumber(a[1]) then redis.call('HSET', KEYS[1], 'head_at', clock(ARGV[1])) end
redis.call('HSET', KEYS[1], 'head', math.max(position, tonumber(a[2] or 0)))
return 1
