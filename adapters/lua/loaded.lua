-- Whether a licence's seats are here, of this generation and this reign (see epoch.lua). O(1).
--   KEYS[1] license   hash
-- ARGV: generation, reign
local f = redis.call('HMGET', KEYS[1], 'loaded', 'reign')
return f[1] == ARGV[1] and f[2] == ARGV[2] and 1 or 0
