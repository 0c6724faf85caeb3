-- Holds a licence tighter than its facts say, for `hold` ms, before the event that says so is stored. O(1).
-- If that event never comes (the process died), the hold runs out and the licence is stale: it is read from the log again.
--   KEYS[1] license   hash   held_until, held_status, held_limit, held_version (facts newer than this end the hold)
-- ARGV: clock offset (ms), hold (ms), status ('': as it is), limit ('': as it is)
local now = clock(ARGV[1])
local known = redis.call('HMGET', KEYS[1], 'version', 'loaded')
redis.call('HSET', KEYS[1], 'held_until', string.format('%d', now + ARGV[2]), 'held_version', known[1] or '0')
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'held_status', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'held_limit', ARGV[4]) end
if not known[2] then redis.call('PEXPIRE', KEYS[1], 60000) end
return 1
