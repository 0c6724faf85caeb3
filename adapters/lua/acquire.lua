-- Proposes a seat to a holder; nothing is granted before the event is in the log. O(log n).
--   KEYS[1] license   hash         facts of the licence, `highest` seat number used
--   KEYS[2] holders   hash         holder -> seat number
--   KEYS[3] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[4] leases    sorted set   seat number -> lease end (ms), for every seat that is not free
--   KEYS[5] free      sorted set   free seat numbers, by number
--   KEYS[6] due       sorted set   <license>/<number> -> lease end (ms), of all licences of the shard
--   KEYS[7] rate      string       see rate.lua
-- ARGV: clock offset (ms), generation, session, holder, key digest, license, rate limit (0: not counted), rate period (ms),
--       digest of the policy that the bidder knows, seats that must stay available for others, reign
-- Answers: outcome, now, lease end, number, version, session, recorded (1/0), former session, limit (-1: none), used,
--          calls left, ms until calls are back, ms until the next call, terms (policy_changed: the policy), over the granted
--          seats (1/0), borrowed (1/0), epoch (see epoch.lua; '' when there is no former session)
local now = clock(ARGV[1])
local session, holder = ARGV[3], ARGV[4]
local refusal, facts = standing(KEYS[1], now, ARGV[2], ARGV[11])
local left, back, wait = 0, 0, 0

local function answer(outcome, number, version, of, recorded, former, borrowed_until)
    facts = facts or {}
    local used = redis.call('ZCARD', KEYS[4])
    return {outcome, now, borrowed_until or now + (facts.lease or 0), number or 0, version or 0, of or '', recorded or 0,
        former or '', facts.limit or -1, used, left, back, wait, facts.terms or '',
        facts.granted and used > facts.granted and 1 or 0, borrowed_until and 1 or 0,
        (former or '') ~= '' and redis.call('HGET', KEYS[1], 'epoch') or ''}
end

if refusal == 'stale' then return answer('stale') end
if tonumber(ARGV[7]) > 0 then
    local allowed
    allowed, left, back, wait = take(KEYS[7], now, tonumber(ARGV[7]), tonumber(ARGV[8]))
    if not allowed then return answer('limited') end
end
if facts.key ~= ARGV[5] then return answer('key_changed') end
if refusal then return answer(refusal) end
if facts.policy ~= ARGV[9] then
    facts.terms = redis.call('HGET', KEYS[1], 'policy_document')
    return answer('policy_changed')
end

local function seat(number, flag, of, version, former)
    redis.call('ZADD', KEYS[4], now + facts.lease, number)
    redis.call('ZADD', KEYS[6], now + facts.lease + facts.resume, ARGV[6] .. '/' .. number)
    if of then
        redis.call('HSET', KEYS[3], number, held(flag, of, holder, version, former))
        redis.call('HSET', KEYS[2], holder, number)
    end
end

local number = redis.call('HGET', KEYS[2], holder)
local flag, of, sits, version, former, _ = read(number and redis.call('HGET', KEYS[3], number))
if sits == holder and flag == 'b' then
    local ends = tonumber(redis.call('ZSCORE', KEYS[4], number))
    if ends <= now then return answer('unsure', tonumber(number), version, of) end
    return answer('seated', tonumber(number), version, of, 1, '', ends)
end
if sits == holder then
    seat(number)
    return answer('seated', tonumber(number), version, of, flag == 'r' and 1 or 0, former)
end

local limit = facts.limit or math.huge
local used = redis.call('ZCARD', KEYS[4])
local leave = tonumber(ARGV[10])
if leave > 0 and limit - (used - redis.call('ZCOUNT', KEYS[4], '-inf', now)) <= leave then return answer('exhausted') end
if used < limit then
    number = redis.call('ZRANGE', KEYS[5], 0, 0)[1]
    if number and tonumber(number) <= limit then
        redis.call('ZREM', KEYS[5], number)
    else
        number = facts.highest + 1 <= limit and string.format('%d', facts.highest + 1) or nil
        if number then redis.call('HSET', KEYS[1], 'highest', number) end
    end
    if number then
        flag, _, _, version = read(redis.call('HGET', KEYS[3], number))
        if flag and flag ~= 'f' then  -- a part of the licence was lost: what is left contradicts itself
            redis.call('HDEL', KEYS[1], 'loaded')
            return answer('stale')
        end
        version = (version or 0) + 1
        seat(number, 'p', session, version)
        return answer('granted', tonumber(number), version, session)
    end
end

number = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 1)[1]
if not number or used > limit or tonumber(number) > limit then return answer('exhausted') end
local former_holder
flag, former, former_holder, version = read(redis.call('HGET', KEYS[3], number))
-- A lapsed seat whose last event is not certain is looked up in the log first: a proposal on a guess only meets the fence.
if not is_recorded(flag) then return answer('unsure', tonumber(number), version, former) end
forget_holder(KEYS[2], former_holder, number)
seat(number, 'P', session, version + 2, former)
return answer('granted', tonumber(number), version + 2, session, 0, former)
