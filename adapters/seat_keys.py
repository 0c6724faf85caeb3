"""Where a licence's seats live in Redis, and how its facts are written there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import orjson

from adapters.seat_access_document import access_document
from domain.rate import Allowance, Rate
from domain.seat import CloseReason
from domain.seat_pool import LicenseFacts, SeatTerms

SHARDS = tuple(f"{number:02x}" for number in range(256))
"""A licence's shard is the last byte of its id: the first bytes of a time-ordered id are the same for years.
256 of them spread over a cluster of any sensible size; the reaper looks into each, a few milliseconds in all."""

LETTERS = {
    CloseReason.EXPIRED: "x",
    CloseReason.RELEASED: "l",
    CloseReason.EVICTED: "e",
    CloseReason.SUSPENDED: "s",
    CloseReason.RESIZED: "z",
    CloseReason.REVOKED: "v",
    CloseReason.SWAPPED: "w",
    CloseReason.BORROWED: "o",
}
REASONS = {letter.encode(): reason for reason, letter in LETTERS.items()}
_HOLDER = 22


class Keys(NamedTuple):
    """Every key of one licence carries its shard as hash tag, so that a script finds them all on one cluster node."""

    name: str
    license: str
    holders: str
    seats: str
    leases: str
    free: str
    due: str

    def rate(self, kind: str, holder: str) -> str:
        return f"{self.license}:{kind}:{holder}"


@lru_cache(maxsize=50_000)
def keys_of(license_id: UUID) -> Keys:
    name = license_id.hex
    base = f"seats:{{{name[-2:]}}}:{name}"
    return Keys(name, base, f"{base}:holders", f"{base}:seats", f"{base}:leases", f"{base}:free", due_key(name[-2:]))


def due_key(shard: str) -> str:
    return f"seats:{{{shard}}}:due"


def holder_name(holder: str) -> str:
    """132 bits of the digest: enough to tell holders apart, and a seat's entry stays within 64 bytes."""
    return holder[:_HOLDER]


def facts_arguments(facts: LicenseFacts) -> tuple[str | int, ...]:
    """As `facts.lua` takes them."""
    return (
        facts.version,
        facts.status,
        "" if facts.limit is None else facts.limit,
        milliseconds(facts.expires_at),
        milliseconds(facts.grace_ends_at),
        in_ms(facts.terms.lease),
        facts.key_digest,
        terms_json(facts.terms),
        orjson.dumps(facts.document, option=orjson.OPT_UTC_Z).decode(),
        "" if facts.granted is None else facts.granted,
        in_ms(facts.terms.resume),
        facts.access.digest,
        access_document(facts.access),
    )


def terms_json(terms: SeatTerms) -> str:
    return orjson.dumps(
        [
            str(terms.organization_id),
            terms.product,
            dict(terms.features),
            *(in_ms(each) for each in (terms.lease, terms.heartbeat, terms.offline_grace, terms.resume)),
        ]
    ).decode()


@lru_cache(maxsize=10_000)
def terms_of(stored: bytes) -> SeatTerms | None:
    """Many licences share few terms, and every answer carries them: parsed once."""
    if not stored:
        return None
    organization, product, features, *lengths = orjson.loads(stored)
    return SeatTerms(UUID(organization), product, features, *(timedelta(milliseconds=each) for each in lengths))


def allowance(rate: Rate | None, left: int, back: int, wait: int) -> Allowance | None:
    """Milliseconds of a script, as seconds rounded up."""
    return None if rate is None else Allowance(rate.limit, left, -(-back // 1000), -(-wait // 1000))


def rate_arguments(rate: Rate | None) -> tuple[int, int]:
    return (0, 0) if rate is None else (rate.limit, in_ms(rate.per))


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def session(stored: bytes) -> UUID | None:
    return UUID(hex=stored.decode()) if stored else None


def in_ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def milliseconds(moment: datetime | None) -> str | int:
    return "" if moment is None else int(moment.timestamp() * 1000)
