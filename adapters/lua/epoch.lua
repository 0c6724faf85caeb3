-- The time since Redis last lost this licence has a name. What was read from the log in one epoch must not be told in
-- the next: a session that ended in between, and whose end was lost with the rest, would come back to life.
--   KEYS[1] license   hash   epoch
-- ARGV: the name of the epoch that begins now, if none is under way
-- Answers the name of the epoch that is.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch then return epoch end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
redis.call('PEXPIRE', KEYS[1], 60000)
return ARGV[1]
