-- Marks a proposal as stored in the log; 0 when Redis does not hold it any more (flushed, or given to another).
--   KEYS[1] seats   hash   seat number -> entry (see entry.lua)
-- ARGV: number, session
local flag, session, holder, version = read(redis.call('HGET', KEYS[1], ARGV[1]))
if session ~= ARGV[2] or is_closing(flag) then return 0 end
if not is_recorded(flag) then redis.call('HSET', KEYS[1], ARGV[1], held('r', session, holder, version)) end
return 1
