-- The seats whose time is over, the longest over first, of one shard or of one licence. Costs what it answers.
--   KEYS[1] due      sorted set   <license>/<number> -> lease end (ms), of all licences of the shard
--        or leases   sorted set   seat number -> lease end (ms)
-- ARGV: clock offset (ms), most to answer
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', clock(ARGV[1]), 'LIMIT', 0, ARGV[2])
