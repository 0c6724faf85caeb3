"""Records of use: what may be told, what makes two of them the same, and how one stands in the log."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from domain import durations
from domain.meter import MOST_DIMENSIONS, RESERVED_DIMENSIONS, Aggregation, MeterTerms
from domain.problems import Problem, check_code

MOST_RECORDS: Final = 1_000
LARGEST: Final = 10**12
"""Of the meter's unit, in one record."""
AHEAD: Final = timedelta(minutes=5)
"""How far the clocks of those who report may be ahead of ours."""
_VALUE = re.compile(r"[A-Za-z0-9._:/+-]{1,64}")
"""Things, by codes; no address and no full name of a person fits. What is counted may be anybody: see MeterTerms."""
_LONGEST_COUNTED = 128


class Told(NamedTuple):
    """A record as a caller gives it. One that `voids` another says nothing else."""

    id: str
    meter: str | None = None
    quantity: Decimal | None = None
    at: datetime | None = None
    organization_id: UUID | None = None
    subject: str | None = None
    key_id: UUID | None = None
    dimensions: Mapping[str, str] = {}
    reservation: UUID | None = None
    voids: str | None = None

    @property
    def digest(self) -> UUID:
        """Of what it says, without what it does not: who repeats a record leaves out the same."""
        quantity = None if self.quantity is None else self.quantity.normalize()
        at = None if self.at is None else int(self.at.timestamp() * 1_000_000)
        dimensions = sorted(self.dimensions.items())
        said = (self.meter, str(quantity), at, self.subject, self.key_id, dimensions, self.voids)
        return _digest(repr(said).encode())


class Given(NamedTuple):
    """A record as the log takes it; `account_id` is who is named, `key` and `voids` see `record_key`. `name` is the
    subject's, when the log may not know it. `earliest`: what it voids is not older."""

    account_id: UUID
    key: UUID
    digest: UUID
    id: str
    meter: str | None
    quantity: Decimal | None
    at: datetime | None
    subject: UUID | None
    name: str | None
    counted: UUID | None
    key_id: UUID | None
    dimensions: str | None
    reservation: UUID | None
    voids: UUID | None
    earliest: datetime | None


class Placed(NamedTuple):
    """What became of a record: where it is in the log, and whether it was there before (`known`); or why the whole
    request was refused. `account_id` is who it counts for, `previous` the position of that account's record before the
    commit."""

    given: Given
    refusal: str | None
    known: bool
    position: int | None
    account_id: UUID
    previous: int


def problems(told: Told, terms: MeterTerms | None, now: datetime) -> Iterator[Problem]:
    """What is wrong with a record, whoever tells it; `terms` are its meter's, None when there is no such meter."""
    if told.voids is not None:
        if told[1:4] != (None, None, None) or told.key_id or told.dimensions or told.reservation:
            yield Problem("voids", "a record that cancels another says nothing else")
    elif told.meter is None:
        yield Problem("meter", "is missing")
    elif terms is None:
        yield Problem("meter", f"{told.meter} is not a known meter")
    else:
        yield from _quantity_problems(told, terms)
        yield from _dimension_problems(told, terms)
        if told.at is not None and told.at > now + AHEAD:
            yield Problem("at", f"lies more than {durations.text(AHEAD)} in the future")


def _quantity_problems(told: Told, terms: MeterTerms) -> Iterator[Problem]:
    is_counted = terms.aggregation in (Aggregation.COUNT, Aggregation.UNIQUE)
    if told.quantity is None:
        if not is_counted:
            yield Problem("quantity", "is missing")
    elif is_counted and told.quantity != 1:
        yield Problem("quantity", f"{told.meter} counts {terms.counts or 'records'}: leave it out")
    elif not 0 <= told.quantity <= LARGEST:
        yield Problem("quantity", f"must be from 0 to {LARGEST:,}")
    else:
        try:
            terms.scaled(told.quantity)
        except ValueError as error:
            yield Problem("quantity", str(error))


def _dimension_problems(told: Told, terms: MeterTerms) -> Iterator[Problem]:
    if len(told.dimensions) > MOST_DIMENSIONS:
        yield Problem("dimensions", f"must be at most {MOST_DIMENSIONS}")
    if terms.counts is not None and not 1 <= len(told.dimensions.get(terms.counts, "")) <= _LONGEST_COUNTED:
        yield Problem("dimensions", f"must say which {terms.counts}, in 1 to {_LONGEST_COUNTED} characters")
    for name, value in told.dimensions.items():
        if name == terms.counts:
            continue
        if name in RESERVED_DIMENSIONS or (terms.dimensions is not None and name not in terms.dimensions):
            yield Problem("dimensions", f"{name[:100]} is not a dimension of {told.meter}")
        yield from check_code("dimensions", name)
        if not _VALUE.fullmatch(value):
            yield Problem(f"dimensions.{name[:100]}", "must be 1 to 64 of A-Z, a-z, 0-9 and . _ : / + -")


def record_key(account_id: UUID, id: str) -> UUID:
    """An id means one record of its account."""
    return _digest(account_id.bytes + id.encode())


def _digest(said: bytes) -> UUID:
    """128 bits of SHA-256."""
    return UUID(bytes=hashlib.sha256(said).digest()[:16])
