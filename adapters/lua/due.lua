-- The seats of one shard whose lease is over, the longest over first. Costs what it answers.
--   KEYS[1] due   sorted set   <license>/<number> -> lease end (ms)
-- ARGV: clock offset (ms), most to answer
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', clock(ARGV[1]), 'LIMIT', 0, ARGV[2])
