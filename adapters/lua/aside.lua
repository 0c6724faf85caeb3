-- Sets a session aside to be closed: from now on its heartbeats fail, its holder is unknown, the seat stays taken until
-- free.lua. Whoever dies in between leaves it due again when `hold` is over. O(log n).
--   KEYS[1] holders   hash         holder -> seat number
--   KEYS[2] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[3] leases    sorted set   seat number -> lease end (ms)
--   KEYS[4] due       sorted set   <license>/<number> -> lease end (ms)
--   KEYS[5] license   hash         facts of the licence
-- A seat of an older generation or of another's reign (see epoch.lua) is none of ours: it is not due any more.
-- ARGV: clock offset (ms), generation, number, session ('': whichever is there, if its lease is over), reason letter, hold (ms), license, reign
-- Answers: session, version, reason letter (the first reason stays), terms, epoch (see epoch.lua), or nothing when there is nothing to close
local now = clock(ARGV[1])
local number, member = ARGV[3], ARGV[7] .. '/' .. ARGV[3]
local flag, session, holder, version = read(redis.call('HGET', KEYS[2], number))
local f = redis.call('HMGET', KEYS[5], 'generation', 'reign', 'terms', 'epoch')
if not flag or flag == 'f' or f[1] ~= ARGV[2] or f[2] ~= ARGV[8] then
    redis.call('ZREM', KEYS[4], member)
    return nil
end
if ARGV[4] == '' then
    if tonumber(redis.call('ZSCORE', KEYS[3], number) or 0) > now then return nil end
elseif session ~= ARGV[4] then
    return nil
end
if not is_closing(flag) then
    forget_holder(KEYS[1], holder, number)
    flag = ARGV[5]
    redis.call('HSET', KEYS[2], number, held(flag, session, holder, version))
end
redis.call('ZADD', KEYS[3], now + ARGV[6], number)
redis.call('ZADD', KEYS[4], now + ARGV[6], member)
return {session, version, flag, f[3] or '', f[4] or ''}
