-- What a licence is at this moment, for a validation; changes nothing. O(1).
--   KEYS[1] license   hash         facts (see facts.lua), `document` (JSON, as the API shows the licence)
--   KEYS[2] leases    sorted set   seat number -> lease end (ms), for every seat that is not free
-- ARGV: clock offset (ms), generation, reign
-- Answers: stale | or: refusal or '' , status, key digest, seats used, document, seats whose lease is over, limit (-1: none)
local now = clock(ARGV[1])
local refusal, facts = standing(KEYS[1], now, ARGV[2], ARGV[3])
if refusal == 'stale' then return {'stale'} end
local f = redis.call('HMGET', KEYS[1], 'status', 'document')
return {refusal or '', f[1], facts.key, redis.call('ZCARD', KEYS[2]), f[2] or '',
    redis.call('ZCOUNT', KEYS[2], '-inf', now), facts.limit or -1}
