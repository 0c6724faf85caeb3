-- Takes one call from a rate limit.
--   KEYS[1]   string   see rate.lua
-- ARGV: limit (calls), period (ms)
local allowed, left, back, wait = take(KEYS[1], clock(0), tonumber(ARGV[1]), tonumber(ARGV[2]))
return {allowed and 1 or 0, left, back, wait}
