-- Gives back what a reservation holds.
--   KEYS[1] held, KEYS[2] lapses, KEYS[3] promises   see promises.lua
-- ARGV: reservation
return release(KEYS[1], KEYS[2], KEYS[3], ARGV[1]) and 1 or 0
