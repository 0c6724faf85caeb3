-- The time since Redis last forgot the account has a name: rights and counts that were read in one epoch must not be told in
-- the next, since what made it forget may have come in between. Generations and reigns as for seats (see epoch.lua); what
-- another server wrote is deleted, promises with it.
--   KEYS[1] account   hash   see quota_ask.lua
--   KEYS[2] used, KEYS[3] values, KEYS[4] held, KEYS[5] lapses, KEYS[6] promises
-- ARGV: generation, the name of the epoch that begins now, if none is under way, reign
-- Answers the name of the epoch that is; '' when the generation is over.
local known = redis.call('HMGET', KEYS[1], 'generation', 'epoch', 'reign')
if known[1] == ARGV[1] and known[3] == ARGV[3] and known[2] then return known[2] end
if known[1] and tonumber(known[1]) > tonumber(ARGV[1]) then return '' end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
if known[1] and (known[1] ~= ARGV[1] or known[3] ~= ARGV[3]) then redis.call('DEL', KEYS[4], KEYS[5], KEYS[6]) end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'epoch', ARGV[2], 'reign', ARGV[3])
redis.call('PEXPIRE', KEYS[1], 60000)
return ARGV[2]
