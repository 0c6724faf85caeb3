"""A licence's seat access as JSON, as the pools keep it for whoever bids."""

from __future__ import annotations

from functools import lru_cache

from pydantic import TypeAdapter

from domain.seat_access import OPEN_TO_ALL, SeatAccess

_CODEC = TypeAdapter(SeatAccess)


def access_document(access: SeatAccess) -> str:
    """'' for the access that is open to all."""
    return "" if access == OPEN_TO_ALL else _CODEC.dump_json(access).decode()


@lru_cache(maxsize=1_000)
def read_access(document: bytes) -> SeatAccess:
    """What `access_document` wrote."""
    return _CODEC.validate_json(document) if document else OPEN_TO_ALL
