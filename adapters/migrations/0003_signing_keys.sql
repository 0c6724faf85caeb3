-- The keys that sign leases and licence files. Private halves are sealed (adapters/secrets.py) and bound to their kid.
create table signing_keys (
    kid         text primary key,
    algorithm   text not null check (algorithm in ('ed25519', 'rsa-4096')),
    public_key  bytea not null,          -- DER, SubjectPublicKeyInfo
    private_key bytea,                   -- DER, PKCS #8, sealed; destroyed at a rotation after valid_until
    created_at  timestamptz not null,
    signs_from  timestamptz not null,    -- a new key is known to every process before it signs
    valid_until timestamptz              -- null: the current key; set by the rotation that replaced it
);

-- Several processes start, or rotate, at once: one current key of an algorithm, whoever is first.
create unique index one_current_signing_key on signing_keys (algorithm) where valid_until is null;
