-- The one clock of seats: the server's TIME plus the sandbox's offset, in milliseconds.
local function clock(offset)
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000) + offset
end
