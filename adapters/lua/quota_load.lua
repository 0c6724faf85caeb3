-- Takes over rights, and counters as the log has them up to a position.
--   KEYS[1] account, KEYS[2] used, KEYS[3] values   see quota_ask.lua
-- ARGV: clock offset (ms), generation, epoch, digest of the rights, how long they are believed (ms), position, 1: in place of what is
--       here, number of fields of `used`, these with their values; the fields of `values` with theirs; reign
-- Answers: loaded | over (the epoch is) | older (than what is counted here) | early (what was counted is not here yet)
local now = clock(ARGV[1])
local a = redis.call('HMGET', KEYS[1], 'generation', 'reign', 'epoch', 'rights', 'at', 'head')
local position = tonumber(ARGV[6])
if a[1] ~= ARGV[2] or a[2] ~= ARGV[#ARGV] or a[3] ~= ARGV[3] then return 'over' end
local counted = tonumber(a[5] or -1)
if position < counted or position < tonumber(a[6] or 0) then return 'older' end
if counted >= 0 and position > counted and ARGV[7] ~= '1' then return 'early' end
if a[4] ~= ARGV[4] or position ~= counted or redis.call('HLEN', KEYS[2]) > 10000 then redis.call('DEL', KEYS[2], KEYS[3]) end
redis.call('HSET', KEYS[1], 'rights', ARGV[4], 'until', now + tonumber(ARGV[5]), 'at', ARGV[6])
redis.call('HDEL', KEYS[1], 'head', 'head_at')
local last = 8 + 2 * tonumber(ARGV[8])
for field = 9, last, 2 do redis.call('HSET', KEYS[2], ARGV[field], ARGV[field + 1]) end
for field = last + 1, #ARGV - 1, 2 do redis.call('HSET', KEYS[3], ARGV[field], ARGV[field + 1]) end
for number = 1, 3 do redis.call('PEXPIRE', KEYS[number], 172800000) end
return 'loaded'
