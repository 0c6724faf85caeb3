-- Takes over what the log says of up to 500 seats. The log wins unless Redis knows a later version: a proposal under way,
-- or the log was read a moment ago. An open session gets a full fresh lease, a borrowed one until it ends.
--   KEYS[1] license   hash         `highest` seat number used, `epoch` (see epoch.lua)
--   KEYS[2] holders   hash         holder -> seat number
--   KEYS[3] seats     hash         seat number -> entry (see entry.lua)
--   KEYS[4] leases    sorted set   seat number -> lease end (ms)
--   KEYS[5] free      sorted set   free seat numbers
--   KEYS[6] due       sorted set   <license>/<number> -> lease end (ms)
-- ARGV: clock offset (ms), lease (ms), resume (ms), license, epoch,
--       then for each seat: number, version, session ('': free), holder, borrowed until (ms, '': not borrowed)
-- Answers 0, and does nothing, when the epoch is over.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[5] then return 0 end
local lease_ends, resume = clock(ARGV[1]) + ARGV[2], tonumber(ARGV[3])
local highest = tonumber(redis.call('HGET', KEYS[1], 'highest') or 0)

local function take_over(number, version, session, holder, borrowed_until)
    local recorded = borrowed_until and 'b' or 'r'
    local flag, known, known_holder, known_version = read(redis.call('HGET', KEYS[3], number))
    if flag == 'f' then redis.call('ZADD', KEYS[5], number, number) end
    if flag and flag ~= 'f' then redis.call('ZREM', KEYS[5], number) end
    if flag and known_version > version then return end
    if flag and known_version == version and known == session then
        if flag == 'p' or flag == 'P' then redis.call('HSET', KEYS[3], number, held(recorded, session, holder, version)) end
        return
    end
    local member = ARGV[4] .. '/' .. number
    if flag and flag ~= 'f' then forget_holder(KEYS[2], known_holder, number) end
    if session == '' then
        redis.call('HSET', KEYS[3], number, 'f' .. string.format('%d', version))
        redis.call('ZREM', KEYS[4], number)
        redis.call('ZREM', KEYS[6], member)
        redis.call('ZADD', KEYS[5], number, number)
    else
        redis.call('HSET', KEYS[3], number, held(recorded, session, holder, version))
        redis.call('HSET', KEYS[2], holder, number)
        redis.call('ZADD', KEYS[4], borrowed_until or lease_ends, number)
        redis.call('ZADD', KEYS[6], borrowed_until or lease_ends + resume, member)
        redis.call('ZREM', KEYS[5], number)
    end
end

for i = 6, #ARGV, 5 do
    take_over(ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4]))
    highest = math.max(highest, tonumber(ARGV[i]))
end
redis.call('HSET', KEYS[1], 'highest', string.format('%d', highest))
return 1
