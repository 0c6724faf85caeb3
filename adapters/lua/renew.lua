-- A heartbeat: the session keeps its seat for another lease, also late, as long as nobody else got the seat. O(log n).
--   KEYS[1] license   hash         facts of the licence
--   KEYS[2] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[3] leases    sorted set   seat number -> lease end (ms)
--   KEYS[4] due       sorted set   <license>/<number> -> lease end (ms)
--   KEYS[5] rate      string       see rate.lua
-- A borrowed seat stays borrowed until the moment that was agreed.
-- ARGV: clock offset (ms), generation, session, number, license, rate limit (0: not counted), rate period (ms), reign
-- Answers: outcome, now, lease end, calls left, ms until calls are back, ms until the next call, terms or reason letter
local now = clock(ARGV[1])
local refusal, facts = standing(KEYS[1], now, ARGV[2], ARGV[8])
if refusal == 'stale' then return {'stale'} end
local left, back, wait = 0, 0, 0
if tonumber(ARGV[6]) > 0 then
    local allowed
    allowed, left, back, wait = take(KEYS[5], now, tonumber(ARGV[6]), tonumber(ARGV[7]))
    if not allowed then return {'limited', now, 0, left, back, wait, ''} end
end
local flag, session, holder, version, former = read(redis.call('HGET', KEYS[2], ARGV[4]))
-- Too late: the seat is being given to another, and if that fails the lapsed session is closed all the same.
if former == ARGV[3] then return {'closing', now, 0, left, back, wait, 'x'} end
if session ~= ARGV[3] then return {'gone', now, 0, left, back, wait, ''} end
if is_closing(flag) then return {'closing', now, 0, left, back, wait, flag} end
if refusal then return {refusal, now, 0, left, back, wait, ''} end
-- Whoever has a lease has an event in the log: the mark may have been lost with the process that should have made it.
if not is_recorded(flag) then redis.call('HSET', KEYS[2], ARGV[4], held('r', session, holder, version)) end
local ends = now + facts.lease
if flag == 'b' then
    ends = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[4]))
    if ends <= now then return {'closing', now, 0, left, back, wait, 'x'} end
else
    redis.call('ZADD', KEYS[3], ends, ARGV[4])
    redis.call('ZADD', KEYS[4], ends + facts.resume, ARGV[5] .. '/' .. ARGV[4])
end
return {'renewed', now, ends, left, back, wait, facts.terms}
