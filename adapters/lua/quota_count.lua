-- Adds the records of one commit to the counters that are here, once and in the order of the log.
--   KEYS[1] account, KEYS[2] used, KEYS[3] values   see quota_ask.lua
--   KEYS[4] held, KEYS[5] lapses, KEYS[6] promises   see promises.lua
-- ARGV: clock offset (ms), generation, digest of the rights ('': not known), position of the account's record before these, position of
--       the last of these, number of counted, for each counter, kind, quantity, tag, order; for each settled reservation, meter; reign
-- Answers: counted | idle (nothing is here that could be wrong) | outdated (other rights) | early (some before these are missing)
local counts = tonumber(ARGV[6])
local function settled(answer)
    for at = 7 + 5 * counts, #ARGV - 1, 2 do release(KEYS[4], KEYS[5], KEYS[6], ARGV[at], ARGV[at + 1]) end
    return answer
end
local a = redis.call('HMGET', KEYS[1], 'generation', 'reign', 'epoch', 'rights', 'at', 'head')
local previous, last = tonumber(ARGV[4]), tonumber(ARGV[5])
if a[1] ~= ARGV[2] or a[2] ~= ARGV[#ARGV] or not a[3] then return settled('idle') end
local function heard()
    if last > tonumber(a[6] or 0) then redis.call('HSET', KEYS[1], 'head', ARGV[5], 'head_at', clock(ARGV[1])) end
end
if not a[5] then  -- whoever loads now may have read before these were there
    heard()
    return settled('idle')
end
if tonumber(a[5]) >= last then return settled('counted') end
if a[4] ~= ARGV[3] then
    heard()
    return 'outdated'
end
if tonumber(a[5]) ~= previous then
    heard()
    return 'early'
end
for at = 7, 6 + 5 * counts, 5 do
    local counter, kind, quantity, tag, order = unpack(ARGV, at, at + 4)
    local used = redis.call('HGET', KEYS[2], counter)
    local field = counter .. ':' .. tag
    if not used then
        -- nobody has asked for it: when somebody does, it is read from the log
    elseif kind == 'max' then
        if tonumber(quantity) > tonumber(used) then redis.call('HSET', KEYS[2], counter, quantity) end
    elseif kind == 'unique' then
        if redis.call('HSETNX', KEYS[3], field, 1) == 1 then redis.call('HINCRBY', KEYS[2], counter, 1) end
    elseif kind == 'last' then
        local known_order, level = string.match(redis.call('HGET', KEYS[3], field) or '|0', '(.*)|(.*)')
        if order > known_order then
            redis.call('HSET', KEYS[3], field, order .. '|' .. quantity)
            redis.call('HINCRBY', KEYS[2], counter, string.format('%.0f', tonumber(quantity) - tonumber(level)))
        end
    else
        redis.call('HINCRBY', KEYS[2], counter, quantity)
    end
end
redis.call('HSET', KEYS[1], 'at', ARGV[5])
return settled('counted')
