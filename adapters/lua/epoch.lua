-- The time since Redis last lost this licence has a name. What was read from the log in one epoch must not be told in
-- the next: a session that ended in between, and whose end was lost with the rest, would come back to life.
-- Generations are counted: each time that seats begin to be kept in Redis is one. What an older one left is deleted,
-- since seats were kept elsewhere in between; all but a hold, which is about what comes.
-- What another server wrote (whose replica this one was until it took over, whose slot moved here, whose file it read)
-- may lack that one's last writes: a renewal, the end of a session, a suspension. It is deleted too.
--   KEYS[1] license   hash   epoch, generation, reign, held_* (see tighten.lua)
--   KEYS[2] holders, KEYS[3] seats, KEYS[4] leases, KEYS[5] free
-- ARGV: generation, the name of the epoch that begins now, if none is under way, reign (of the server that runs this)
-- Answers the name of the epoch that is; '' when the generation is over.
local known = redis.call('HMGET', KEYS[1], 'generation', 'epoch', 'held_until', 'held_status', 'held_limit', 'held_version',
    'reign')
if known[1] == ARGV[1] and known[7] == ARGV[3] and known[2] then return known[2] end
if known[1] and tonumber(known[1]) > tonumber(ARGV[1]) then return '' end
if known[1] and (known[1] ~= ARGV[1] or known[7] ~= ARGV[3]) then
    redis.call('DEL', unpack(KEYS))
    if known[3] then redis.call('HSET', KEYS[1], 'held_until', known[3], 'held_version', known[6]) end
    if known[4] then redis.call('HSET', KEYS[1], 'held_status', known[4]) end
    if known[5] then redis.call('HSET', KEYS[1], 'held_limit', known[5]) end
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'epoch', ARGV[2], 'reign', ARGV[3])
redis.call('PEXPIRE', KEYS[1], 60000)
return ARGV[2]
