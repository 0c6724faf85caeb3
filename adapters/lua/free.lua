-- Frees a seat whose session was closed in the log at `version` (or never was in it). Again: no effect. O(log n).
-- A seat that is not known is noted as free too: a slower reader of the log must not put the closed session back.
--   KEYS[1] holders   hash         holder -> seat number
--   KEYS[2] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[3] leases    sorted set   seat number -> lease end (ms)
--   KEYS[4] free      sorted set   free seat numbers
--   KEYS[5] due       sorted set   <license>/<number> -> lease end (ms)
--   KEYS[6] license   hash         `highest` seat number used
-- ARGV: number, session, version, license
local number, version = ARGV[1], tonumber(ARGV[3])
local flag, session, holder, known = read(redis.call('HGET', KEYS[2], number))
if flag and session ~= ARGV[2] and known >= version then return 0 end
if flag then forget_holder(KEYS[1], holder, number) end
redis.call('HSET', KEYS[2], number, 'f' .. ARGV[3])
redis.call('ZREM', KEYS[3], number)
redis.call('ZREM', KEYS[5], ARGV[4] .. '/' .. number)
-- A number above the highest is not given out from the free ones: it would be given out again when its turn comes.
if tonumber(number) <= tonumber(redis.call('HGET', KEYS[6], 'highest') or 0) then
    redis.call('ZADD', KEYS[4], number, number)
end
return 1
