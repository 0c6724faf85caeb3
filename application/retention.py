"""What is kept no longer than its time: deleted in small batches, by whatever the inventory of data declares."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain.retention import RULES

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.data_inventory import Table
    from adapters.data_sweep import DataSweep
    from projections.usage_rollup import UsageRollup

MOST_COUNTED = 100_000


class RuleReport(NamedTuple):
    """How a rule stands: its period and the tables it is for; what the last run took and all of them together; with a
    count, how many rows are due now (`MOST_COUNTED` at most)."""

    rule: str
    meaning: str
    period: timedelta
    default: timedelta
    tables: tuple[str, ...]
    last_run_at: datetime | None
    last_deleted: int
    deleted: int
    is_behind: bool
    due: int | None


class Retention:
    """Killed anywhere, the next run goes on: what is left is found again."""

    def __init__(self, sweep: DataSweep, rollup: UsageRollup, periods: Mapping[str, timedelta], clock: Clock) -> None:
        self._sweep = sweep
        self._rollup = rollup
        self._periods = periods
        self._clock = clock

    def run(self, *, seconds: float = 2.0) -> dict[str, int]:
        """Deletes what is due, for about so long; the rule that waited longest goes first. Answers rows by rule."""
        runs, until = self._sweep.runs(), time.monotonic() + seconds
        order = sorted(RULES, key=lambda rule: runs[rule]["ran_at"].timestamp() if rule in runs else 0.0)
        taken = {}
        for rule in order:
            if time.monotonic() >= until:
                break
            taken[rule] = self._run(rule, until)
        return taken

    def due(self) -> dict[str, int]:
        """How many rows a run would take by and by, by rule; deletes nothing."""
        return {rule: self._due(rule) for rule in RULES}

    def report(self, *, count: bool = False) -> list[RuleReport]:
        """Every rule. With `count` the rows that are due are counted, which reads tables."""
        runs = self._sweep.runs()
        return [self._report(rule, runs.get(rule, {}), count) for rule in RULES]

    def _run(self, rule: str, until: float) -> int:
        began, now, count, is_behind = time.monotonic(), self._clock.now(), 0, False
        for table in self._tables(rule):
            while (taken := self._expire(table, now)) is not None:
                count += taken
                if time.monotonic() >= until:
                    is_behind = True
                    break
        took = time.monotonic() - began
        self._sweep.note_run(rule, now=now, deleted=count, seconds=took, is_behind=is_behind)
        return count

    def _expire(self, table: Table, now: datetime) -> int | None:
        """A batch; None when nothing is left to do."""
        assert table.kept is not None
        period = self._periods[table.kept.rule]
        if table.kept.rolled_up:
            return self._rollup.roll(now, period)
        return self._sweep.expire(table, now, period) or None

    def _due(self, rule: str) -> int:
        now, period = self._clock.now(), self._periods[rule]
        return sum(self._count(table, now, period) for table in self._tables(rule))

    def _count(self, table: Table, now: datetime, period: timedelta) -> int:
        if table.kept is not None and table.kept.rolled_up:
            return self._rollup.count_due(now, period, MOST_COUNTED)
        return self._sweep.count_expired(table, now, period, MOST_COUNTED)

    def _tables(self, rule: str) -> list[Table]:
        return [table for table in self._sweep.tables if table.kept is not None and table.kept.rule == rule]

    def _report(self, rule: str, run: Mapping[str, object], count: bool) -> RuleReport:
        return RuleReport(
            rule=rule,
            meaning=RULES[rule].meaning,
            period=self._periods[rule],
            default=RULES[rule].period,
            tables=tuple(table.name for table in self._tables(rule)),
            last_run_at=run.get("ran_at"),  # type: ignore[arg-type]
            last_deleted=run.get("deleted", 0),  # type: ignore[arg-type]
            deleted=run.get("total", 0),  # type: ignore[arg-type]
            is_behind=bool(run.get("is_behind")),
            due=self._due(rule) if count else None,
        )
