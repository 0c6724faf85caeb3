-- Generic cell rate (GCRA): `limit` calls at once, then one each `period / limit`; one key, no history of calls.
--   key   string   time (ms) at which all taken calls are paid off; expires by itself then
-- Answers allowed?, calls left, ms until all are back, ms until the next is allowed (0 when this one was).
local function take(key, now, limit, period)
    local interval = period / limit
    local paid_off = math.max(tonumber(redis.call('GET', key) or 0), now)
    local ahead = paid_off + interval - now
    if ahead > period + 0.5 then
        return false, 0, math.ceil(paid_off - now), math.ceil(ahead - period)
    end
    redis.call('SET', key, string.format('%.3f', now + ahead), 'PX', math.ceil(ahead))
    return true, math.floor((period - ahead) / interval + 0.001), math.ceil(ahead), 0
end
