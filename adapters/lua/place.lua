-- Puts a session on a seat that the log moved to it from another (a swap, a borrowing). Again: no effect. O(log n).
--   KEYS[1] license   hash         `loaded`, `reign` (see epoch.lua), `lease`, `resume` (ms)
--   KEYS[2] holders   hash         holder -> seat number
--   KEYS[3] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[4] leases    sorted set   seat number -> lease end (ms)
--   KEYS[5] free      sorted set   free seat numbers
--   KEYS[6] due       sorted set   <license>/<number> -> lease end (ms)
-- ARGV: clock offset (ms), generation, number, session, holder, version, borrowed until (ms, '': not borrowed), license, reign
-- A session that was set aside at the same version may come back: its handover was refused.
-- Answers 0, and does nothing, when the licence is not here or the seat is known at a later version.
local f = redis.call('HMGET', KEYS[1], 'loaded', 'lease', 'resume', 'reign')
if f[1] ~= ARGV[2] or f[4] ~= ARGV[9] then return 0 end
local number, version, until_then = ARGV[3], tonumber(ARGV[6]), tonumber(ARGV[7])
local flag, _, former_holder, known = read(redis.call('HGET', KEYS[3], number))
if flag and (known > version or (known == version and not is_closing(flag))) then return 0 end
if flag then forget_holder(KEYS[2], former_holder, number) end
local ends = until_then or clock(ARGV[1]) + f[2]
redis.call('HSET', KEYS[3], number, held(until_then and 'b' or 'r', ARGV[4], ARGV[5], version))
redis.call('HSET', KEYS[2], ARGV[5], number)
redis.call('ZADD', KEYS[4], ends, number)
redis.call('ZADD', KEYS[6], until_then or ends + f[3], ARGV[8] .. '/' .. number)
redis.call('ZREM', KEYS[5], number)
return 1
