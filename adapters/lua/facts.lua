-- Takes over the licence's facts when they are newer than those it has, and ends a hold that they answer.
--   KEYS[1] license   hash   version (of the licence's stream), status, limit ('': none), expires (ms, '': never), grace_ends (ms, ''),
--                            lease (ms), key (digest), terms (JSON), document (JSON), granted (seats without overage, '': none), resume (ms), policy (digest), policy_document (JSON),
--                            loaded (the generation in which its seats came here too), generation (see epoch.lua), highest (seat number),
--                            held_until, held_status, held_limit, held_version (see tighten.lua), epoch (see epoch.lua)
-- ARGV: clock offset (ms), epoch ('': the facts come alone; else all seats of that epoch are here), version, status, limit, expires, grace_ends, lease, key, terms, document,
--       granted, resume, policy, policy_document
-- Facts that arrive before the seats are kept for a minute, so that a slower reader of the log cannot put older ones in.
-- Answers 0, and does nothing, when the epoch is over.
local now = clock(ARGV[1])
local is_load = ARGV[2] ~= ''
if is_load and redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then return 0 end
local known = redis.call('HMGET', KEYS[1], 'version', 'held_until', 'held_version', 'loaded')
local version = tonumber(ARGV[3])
if not known[1] or version > tonumber(known[1]) then
    redis.call('HSET', KEYS[1], 'version', ARGV[3], 'status', ARGV[4], 'limit', ARGV[5], 'expires', ARGV[6],
        'grace_ends', ARGV[7], 'lease', ARGV[8], 'key', ARGV[9], 'terms', ARGV[10], 'document', ARGV[11],
        'granted', ARGV[12], 'resume', ARGV[13], 'policy', ARGV[14], 'policy_document', ARGV[15])
end
-- A reader of the log who was slower than the hold must not lift it: only the event's own news does, or its end.
if known[2] and ((not is_load and version > tonumber(known[3])) or tonumber(known[2]) <= now) then
    redis.call('HDEL', KEYS[1], 'held_until', 'held_status', 'held_limit', 'held_version')
end
if is_load then redis.call('HSET', KEYS[1], 'loaded', redis.call('HGET', KEYS[1], 'generation')) end
if is_load or known[4] then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], 60000) end
return 1
