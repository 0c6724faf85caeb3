"""Where an account's quotas live in Redis."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID


class Keys(NamedTuple):
    """All of them carry the account's shard as hash tag, so that a script finds them on one cluster node. The shard is
    the last byte of the id, as for licences."""

    account: str
    used: str
    values: str
    held: str
    lapses: str
    promises: str

    def rate(self, name: str) -> str:
        return f"{self.account}:rate:{name}"


@lru_cache(maxsize=50_000)
def keys_of(account_id: UUID) -> Keys:
    base = f"quota:{{{account_id.hex[-2:]}}}:{account_id.hex}"
    return Keys(base, *(f"{base}:{part}" for part in ("used", "values", "held", "lapses", "promises")))
