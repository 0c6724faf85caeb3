"""A licence's seat access as JSON, as the pools keep it for whoever bids."""

from __future__ import annotations

from functools import lru_cache

from pydantic import TypeAdapter

from domain.seat_access import OPEN_TO_ALL, SeatAccess

_CODEC = TypeAdapter(SeatAccess)
_COMMON = 4_096
"""Bytes; a longer document lists people, and is one licence's."""


def access_document(access: SeatAccess) -> str:
    """'' for the access that is open to all."""
    return "" if access == OPEN_TO_ALL else _CODEC.dump_json(access).decode()


def read_access(document: bytes) -> SeatAccess:
    """What `access_document` wrote."""
    return _read(document) if len(document) <= _COMMON else _CODEC.validate_json(document)


@lru_cache(maxsize=1_000)
def _read(document: bytes) -> SeatAccess:
    """Many licences of a plan have no rules of their own: parsed once."""
    return _CODEC.validate_json(document) if document else OPEN_TO_ALL
