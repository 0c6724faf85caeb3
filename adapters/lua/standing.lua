-- Whether a licence may be used now, from its hash (see facts.lua). A hold (see tighten.lua) counts while it lasts; when
-- it ran out, the event that it announced was never seen: the hash is stale.
-- What was loaded in another generation, or by another server, is stale too (see epoch.lua).
-- Answers a refusal or nil, then the facts: limit and granted (nil: none), lease and resume (ms), terms (JSON), key digest,
-- highest number, digest of the policy.
local function standing(license, now, generation, reign)
    local f = redis.call('HMGET', license, 'loaded', 'status', 'limit', 'expires', 'lease', 'terms', 'key', 'highest',
        'held_until', 'held_status', 'held_limit', 'grace_ends', 'resume', 'granted', 'policy', 'reign')
    if f[1] ~= generation or f[16] ~= reign then return 'stale' end
    local status, limit, expires = f[2], tonumber(f[3]), tonumber(f[4])
    if f[9] then
        if tonumber(f[9]) <= now then return 'stale' end
        status = f[10] or status
        local held_limit = tonumber(f[11] or '')
        if held_limit and (not limit or held_limit < limit) then limit = held_limit end
    end
    local facts = {limit = limit, lease = tonumber(f[5]), terms = f[6], key = f[7], highest = tonumber(f[8] or 0),
        resume = tonumber(f[13]), granted = tonumber(f[14]), policy = f[15]}
    if status == 'grace' and (tonumber(f[12]) or now) <= now then status = 'suspended' end
    if status == 'suspended' or status == 'revoked' or status == 'expired' then return status, facts end
    if expires and expires <= now then return 'expired', facts end
    return nil, facts
end
