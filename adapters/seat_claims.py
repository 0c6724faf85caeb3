"""Limits on other axes than the licence's number of seats, taken in the transaction of a session's opening."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from adapters.database import Database, Row
from domain.ids import seat_id
from domain.seat_access import Claim, ClaimRefused
from domain.seat_pool import Sitting

_CLAIM = (
    "select claim_seat(row(%s::uuid, %s::text, 0, %s::text, %s::uuid, %s::integer, %s::uuid, %s::bigint,"
    " %s::timestamptz)::seat_claims, %s, %s, %s)"
)


class SeatClaims:
    """The only writer of `seat_claims`. Its questions ask Postgres: call them from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def rows(
        claims: Iterable[Claim],
        sitting: Sitting,
        version: int,
        holder: str,
        now: datetime,
        *,
        replaces: UUID | None = None,
        until: datetime | None = None,
    ) -> list[Row]:
        """For the transaction that opens the session at `version`, which fails with `ClaimRefused` at a full limit.

        `replaces` is the session that the same transaction closes; `until` holds the claims that outlast the session.
        """
        license_id, seat, session_id = sitting
        place = holder, session_id, seat, seat_id(license_id, seat), version
        return [
            (_CLAIM, (license_id, each.name, *place, until if each.outlasts else None, each.most, replaces, now))
            for each in claims
        ]

    def taken(
        self, license_id: UUID, names: Sequence[str], *, besides: str = "", lapsed: Sequence[int] = ()
    ) -> dict[str, int]:
        """How many open sessions of others than `besides` (a holder) count for each of these limits of a licence; those
        on seats that have `lapsed` are left out."""
        found = self._database.fetch_all(
            "select name, count(*) as taken from seat_claims c where license_id = %s and name = any(%s)"
            " and holder <> %s and seat <> all(%s) and is_claim_open(c) group by name",
            (license_id, list(names), besides, list(lapsed)),
        )
        return {row["name"]: row["taken"] for row in found}

    def near(self, license_id: UUID, claims: Iterable[Claim]) -> list[str]:
        """Which of these limits may be reached: of the others not even as many slots were ever taken at once."""
        limits = {each.name: each.most for each in claims}
        found = self._database.fetch_all(
            "select name, count(*) as slots from seat_claims where license_id = %s and name = any(%s) group by name",
            (license_id, list(limits)),
        )
        return [row["name"] for row in found if row["slots"] >= limits[row["name"]]]

    def asleep(
        self, license_id: UUID, names: Sequence[str], lapsed: Sequence[int], *, besides: str
    ) -> dict[str, list[int]]:
        """Seats among the `lapsed`, in their order, whose session counts for each of these limits and is not that of
        `besides`."""
        found = self._database.fetch_all(
            "select name, array_agg(seat order by array_position(%(lapsed)s, seat)) as seats from seat_claims c"
            " where license_id = %(license_id)s and name = any(%(names)s) and holder <> %(besides)s"
            " and seat = any(%(lapsed)s) and is_claim_open(c) group by name",
            {"license_id": license_id, "names": list(names), "besides": besides, "lapsed": list(lapsed)},
        )
        return {row["name"]: row["seats"] for row in found}

    def sitting_of(self, license_id: UUID, holder: str) -> Sitting | None:
        """The open session of a holder, as the log has it."""
        row = self._database.fetch_one(
            "select seat, session_id from seat_claims c where license_id = %s and name = %s and is_claim_open(c)",
            (license_id, f"holder:{holder}"),
        )
        return Sitting(license_id, row["seat"], row["session_id"]) if row else None


def refused_claim(error: Exception) -> ClaimRefused | None:
    """What a failed transaction says about a limit, if it failed because of one."""
    if isinstance(error, psycopg.errors.ExclusionViolation) and error.diag.constraint_name == "seat_claims":
        return ClaimRefused(error.diag.message_detail or "")
    return None
