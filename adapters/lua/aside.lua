-- Sets a session aside to be closed: from now on its heartbeats fail, its holder is unknown, the seat stays taken until
-- free.lua. Whoever dies in between leaves it due again when `hold` is over. O(log n).
--   KEYS[1] holders   hash         holder -> seat number
--   KEYS[2] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[3] leases    sorted set   seat number -> lease end (ms)
--   KEYS[4] due       sorted set   <license>/<number> -> lease end (ms)
--   KEYS[5] license   hash         facts of the licence
-- ARGV: clock offset (ms), number, session ('': whichever is there, if its lease is over), reason letter, hold (ms), license
-- Answers: session, version, reason letter (the first reason stays), terms, or nothing when there is nothing to close
local now = clock(ARGV[1])
local number, member = ARGV[2], ARGV[6] .. '/' .. ARGV[2]
local flag, session, holder, version = read(redis.call('HGET', KEYS[2], number))
if not flag or flag == 'f' then
    redis.call('ZREM', KEYS[4], member)
    return nil
end
if ARGV[3] == '' then
    if tonumber(redis.call('ZSCORE', KEYS[3], number) or 0) > now then return nil end
elseif session ~= ARGV[3] then
    return nil
end
if not is_closing(flag) then
    forget_holder(KEYS[1], holder, number)
    flag = ARGV[4]
    redis.call('HSET', KEYS[2], number, held(flag, session, holder, version))
end
redis.call('ZADD', KEYS[3], now + ARGV[5], number)
redis.call('ZADD', KEYS[4], now + ARGV[5], member)
return {session, version, flag, redis.call('HGET', KEYS[5], 'terms') or ''}
