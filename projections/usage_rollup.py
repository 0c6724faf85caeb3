"""Rolls up old usage records: what they count for is kept by quarters of an hour and days, they themselves are deleted.

By whole months of the time of use, so late that no record of the month can come or be cancelled any more: the longest
`late_usage` of a plan is a year, the shortest period of the rule `usage_records` more than that. A read model of usage
begins with what was rolled up (projections/usage.py), so a rebuild gives the same as before.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from projections.building import BUILDING
from projections.follower import connect
from projections.usage import ADD, SPREAD

BATCH: Final = 2_000
"""Positions in one transaction: a tenth of a second, in which the follower of usage waits."""
_LATEST = timedelta(days=367)
"""After the end of a month, nothing of it is told any more."""
_HELD = (
    "exists (select from legal_holds h where h.organization_id = r.account_id or r.account_id in"
    " (select c.account_id from usage_claims c where c.organization_id = h.organization_id))"
)
_GONE = f"r.position > %(after)s and r.position <= %(until)s and r.at < %(before)s and not {_HELD}"
_NOT_CANCELLED = (
    "r.voids is null and r.position <> all(array(select v.voids from usage_records v"
    " where v.voids > %(after)s and v.voids <= %(until)s))"
)
"""Asked once a batch: for each record, the planner would rather read the whole log."""
_KEEP_SUMS = f"with {SPREAD.format(stands=_NOT_CANCELLED, which=_GONE)}" + ADD.format(prefix="usage_rolled")
_DELETE = f"delete from usage_records r where {_GONE} returning r.position"
_WINDOW = (
    "select max(position), min(recorded_at) from"
    " (select position, recorded_at from usage_records where position > %s order by position limit %s) w"
)


class _Round(NamedTuple):
    """Through the log, for what was used before `until`; `scanned` so far, None: it is over."""

    until: datetime | None  # None: nothing was ever rolled up
    scanned: int | None


class UsageRollup:
    """The only writer of `usage_rollup` and `usage_rolled_*`, and the only one that deletes usage records."""

    def __init__(self, database_url: str, *, batch: int = BATCH) -> None:
        self._database_url = database_url
        self._batch = batch

    def roll(self, now: datetime, period: timedelta) -> int | None:
        """One batch, in a transaction of its own; answers how many records it took, None when there is nothing to do
        now. Killed anywhere, the next one goes on where the last one ended."""
        with connect(self._database_url) as connection, connection.transaction():
            if connection.execute(f"select pg_try_advisory_xact_lock({BUILDING})").fetchone() != (True,):
                return None
            round = _round(connection)
            if round.scanned is None:
                round = _opened(connection, round, _month(now - period))
            return None if round.scanned is None else _go_on(connection, round, self._batch)

    def count_due(self, now: datetime, period: timedelta, most: int) -> int:
        """How many of the oldest records are of months that are over, no further than among the first `most`."""
        found = "select count(*) from (select at from usage_records order by position limit %s) r where at < %s"
        with connect(self._database_url) as connection:
            return int((connection.execute(found, (most, _month(now - period))).fetchone() or (0,))[0])


def _round(connection: psycopg.Connection[Any]) -> _Round:
    sql = "select nullif(until, '-infinity'), scanned from usage_rollup for update"
    return _Round(*(connection.execute(sql).fetchone() or (None, None)))


def _opened(connection: psycopg.Connection[Any], last: _Round, until: datetime) -> _Round:
    """A new round when another month is over, and the read model has all of it: from then on it alone is asked."""
    if (last.until is not None and until <= last.until) or not _has_all_before(connection, until):
        return last
    connection.execute("update usage_rollup set until = %s, scanned = 0", (until,))
    return _Round(until, 0)


def _has_all_before(connection: psycopg.Connection[Any], until: datetime) -> bool:
    found = connection.execute(
        "select recorded_at from usage_records where position > %s order by position limit 1", (_taken(connection),)
    ).fetchone()
    return found is None or found[0] >= until + _LATEST


def _go_on(connection: psycopg.Connection[Any], round: _Round, batch: int) -> int | None:
    assert round.until is not None and round.scanned is not None
    last, first_recorded = connection.execute(_WINDOW, (round.scanned, batch)).fetchone() or (None, None)
    if last is None or first_recorded >= round.until + _LATEST:
        connection.execute("update usage_rollup set scanned = null")
        return None
    if _taken(connection) < last:
        return None  # what the read model has not counted yet would be lost to it
    taken = {"after": round.scanned, "until": last, "before": round.until}
    connection.execute(_KEEP_SUMS, taken)
    gone = [position for (position,) in connection.execute(_DELETE, taken)]
    connection.execute(
        "update usage_rollup set scanned = %s, position = greatest(position, %s)", (last, max(gone, default=0))
    )
    return len(gone)


def _taken(connection: psycopg.Connection[Any]) -> int:
    """Up to where the read model stands; it waits there until the end of the transaction."""
    found = connection.execute("select position from follower_positions where name = 'usage' for share").fetchone()
    return int(found[0]) if found else 0


def _month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
