-- Whether all of a request may be used now; if so it may be promised. All or nothing. O(limits asked for).
--   KEYS[1] account    hash   generation, reign, epoch (see quota_begin.lua), rights (digest), until (ms: how long they are believed),
--                             at (position of the last record that is counted), head, head_at (see quota_behind.lua)
--   KEYS[2] used       hash   counter -> what is used, 'g/' counter -> what was granted on top
--   KEYS[3] values     hash   counter ':' distinct value -> 1, counter ':' subject -> order '|' level
--   KEYS[4] held, KEYS[5] lapses, KEYS[6] promises   see promises.lua
--   KEYS[7..]          string   one for each rate, see rate.lua
-- ARGV: clock offset (ms), generation, digest of the rights, reservation ('': none), how long it lasts (ms), number of lines,
--       for each counter, kind, quantity, amount ('': no end), hard (1/0), tag; for each rate units, most, period (ms); reign
-- Answers: stale | unloaded | answered; of the last: now, for each line used, granted, held, exceeded (1/0); for each rate left,
--          ms until all are back, ms until so many are there (0: now)
local now = clock(ARGV[1])
local a = redis.call('HMGET', KEYS[1], 'generation', 'reign', 'rights', 'until', 'at', 'head', 'head_at')
if a[1] ~= ARGV[2] or a[2] ~= ARGV[#ARGV] or a[3] ~= ARGV[3] or tonumber(a[4] or 0) <= now or not a[5]
    or (a[6] and tonumber(a[6]) > tonumber(a[5]) and now > tonumber(a[7]) + 1000) then return {'stale'} end
for _, lapsed in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, 100)) do
    release(KEYS[4], KEYS[5], KEYS[6], lapsed)
end
-- Asked again because the answer was lost: what was promised is not promised twice.
local again = ARGV[4] ~= '' and redis.call('HEXISTS', KEYS[6], ARGV[4]) == 1

local lines, at = {}, 6
for number = 1, tonumber(ARGV[6]) do
    local counter, kind, quantity, amount, hard, tag = unpack(ARGV, at + 1, at + 6)
    local used, granted = unpack(redis.call('HMGET', KEYS[2], counter, 'g/' .. counter))
    if not used then return {'unloaded'} end
    local held = tonumber(redis.call('HGET', KEYS[4], counter) or 0)
    local line = {counter = counter, kind = kind, quantity = tonumber(quantity), wanted = quantity, used = tonumber(used),
        granted = tonumber(granted or 0), held = held}
    local added = line.quantity
    if kind == 'max' then
        added = line.quantity - line.used
    elseif kind == 'last' then
        local level = redis.call('HGET', KEYS[3], counter .. ':' .. tag)
        added = line.quantity - tonumber(level and string.match(level, '|(.*)') or 0)
    elseif kind == 'unique' and redis.call('HEXISTS', KEYS[3], counter .. ':' .. tag) == 1 then
        added = 0
    end
    line.exceeded = not again and added > 0 and line.quantity > 0 and hard == '1' and amount ~= ''
        and line.used + held + added > tonumber(amount) + line.granted
    lines[number], at = line, at + 6
end

local rates, allowed = {}, true
for number = 7, #KEYS do
    local units, most, period = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local paid_off = math.max(tonumber(redis.call('GET', KEYS[number]) or 0), now)
    local ahead = paid_off + period / most * units - now
    local is_allowed = again or ahead <= period + 0.5
    rates[number] = {ahead = ahead, left = is_allowed and math.floor((period - ahead) / (period / most) + 0.001) or 0,
        back = math.ceil(is_allowed and ahead or paid_off - now), wait = is_allowed and 0 or math.ceil(ahead - period)}
    allowed, at = allowed and is_allowed, at + 3
end
for _, line in ipairs(lines) do allowed = allowed and not line.exceeded end

if allowed and not again then
    for number = 7, #KEYS do
        if rates[number].ahead > 0 then
            redis.call('SET', KEYS[number], string.format('%.3f', now + rates[number].ahead), 'PX', math.ceil(rates[number].ahead))
        end
    end
end
if allowed and not again and ARGV[4] ~= '' then
    local promise = ''
    for _, line in ipairs(lines) do
        if line.quantity > 0 and (line.kind == 'sum' or line.kind == 'count') then
            redis.call('HINCRBY', KEYS[4], line.counter, line.wanted)
            line.held = line.held + line.quantity
            promise = promise .. line.counter .. '=' .. line.wanted .. ';'
        end
    end
    if promise ~= '' then
        redis.call('HSET', KEYS[6], ARGV[4], promise)
        redis.call('ZADD', KEYS[5], now + tonumber(ARGV[5]), ARGV[4])
        for number = 4, 6 do redis.call('PEXPIRE', KEYS[number], 172800000) end
    end
end

local answer = {'answered', now}
for _, line in ipairs(lines) do
    for _, value in ipairs({line.used, line.granted, line.held, line.exceeded and 1 or 0}) do answer[#answer + 1] = value end
end
for number = 7, #KEYS do
    for _, value in ipairs({rates[number].left, rates[number].back, rates[number].wait}) do answer[#answer + 1] = value end
end
return answer
