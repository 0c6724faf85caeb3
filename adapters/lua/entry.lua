-- What the seats hash holds for a number, in fixed columns to be cut without a pattern (64 bytes at most, so that small
-- licences stay packed):
--   f<version>                                   free; the version of its last close (0: never used)
--   p<session 32><holder 22><version>            proposed, not known to be in the log
--   P<session 32><holder 22><former 32><version> proposed on a lapsed seat, whose former session closes at version - 1
--   r<session 32><holder 22><version>            recorded in the log
--   b, columns as r                              recorded, and borrowed: its lease ends when it ends
--   any other letter, columns as r               set aside to be closed, for the reason that the letter stands for
local function read(entry)
    if not entry then return nil end
    local flag = string.sub(entry, 1, 1)
    if flag == 'f' then return 'f', '', '', tonumber(string.sub(entry, 2)), '' end
    local session, holder = string.sub(entry, 2, 33), string.sub(entry, 34, 55)
    if flag == 'P' then return 'P', session, holder, tonumber(string.sub(entry, 88)), string.sub(entry, 56, 87) end
    return flag, session, holder, tonumber(string.sub(entry, 56)), ''
end

local function held(flag, session, holder, version, former)
    return flag .. session .. holder .. (former or '') .. string.format('%d', version)
end

local function is_recorded(flag)
    return flag == 'r' or flag == 'b'
end

local function is_closing(flag)
    return flag ~= 'f' and flag ~= 'p' and flag ~= 'P' and not is_recorded(flag)
end

-- Only the seat that a holder is mapped to may remove the mapping: the holder may sit elsewhere by now.
local function forget_holder(holders, holder, number)
    if holder ~= '' and redis.call('HGET', holders, holder) == number then redis.call('HDEL', holders, holder) end
end
