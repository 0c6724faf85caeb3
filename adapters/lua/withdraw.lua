-- Gives a proposal back that could not be stored. The lapsed session that it would have closed is due again at once.
--   KEYS[1] holders   hash         holder -> seat number
--   KEYS[2] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[3] leases    sorted set   seat number -> lease end (ms)
--   KEYS[4] free      sorted set   free seat numbers
--   KEYS[5] due       sorted set   <license>/<number> -> lease end (ms)
-- ARGV: number, session, license
local number, member = ARGV[1], ARGV[3] .. '/' .. ARGV[1]
local flag, session, holder, version, former = read(redis.call('HGET', KEYS[2], number))
if session ~= ARGV[2] or (flag ~= 'p' and flag ~= 'P') then return 0 end
forget_holder(KEYS[1], holder, number)
if flag == 'P' then
    redis.call('HSET', KEYS[2], number, held('x', former, string.rep('-', 22), version - 2))
    redis.call('ZADD', KEYS[3], 0, number)
    redis.call('ZADD', KEYS[5], 0, member)
else
    redis.call('HSET', KEYS[2], number, 'f' .. string.format('%d', version - 1))
    redis.call('ZREM', KEYS[3], number)
    redis.call('ZREM', KEYS[5], member)
    redis.call('ZADD', KEYS[4], number, number)
end
return 1
