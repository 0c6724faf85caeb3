-- Promises of an account: what is held for a counter, and what each reservation holds.
--   held       hash         counter -> sum of its promises
--   lapses     sorted set   reservation -> when it lapses (ms)
--   promises   hash         reservation -> "counter=quantity;" for each counter
-- Gives back what a reservation holds; of one meter only, when it is named. Answers whether it held anything of that.
local function release(held, lapses, promises, reservation, meter)
    local kept, found = '', false
    for counter, quantity in string.gmatch(redis.call('HGET', promises, reservation) or '', '([^=;]+)=([^;]+);') do
        if not meter or string.sub(counter, 1, #meter + 1) == meter .. '/' then
            found = true
            if redis.call('HINCRBY', held, counter, '-' .. quantity) <= 0 then redis.call('HDEL', held, counter) end
        else
            kept = kept .. counter .. '=' .. quantity .. ';'
        end
    end
    if kept == '' then
        redis.call('HDEL', promises, reservation)
        redis.call('ZREM', lapses, reservation)
    elseif found then
        redis.call('HSET', promises, reservation, kept)
    end
    return found
end
