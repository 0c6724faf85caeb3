"""Is the log whole, and does everything that was made from it agree with it? Reads all, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError

from application.verification_billing import BillingChecks
from application.verification_report import Damage, Finding, Report
from application.verification_seats import SeatChecks
from domain.aggregate import Aggregate
from domain.sentences import sentence_of  # knows, and so loads, every kind of event: without it none could be decoded

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.event_codec import EventCodec
    from adapters.log_scan import LogRow, LogScan, WholeLog
    from adapters.verification_records import VerificationRecords

_TELL_EVERY = 5_000

Progress = Callable[[str, int, int], None]
"""Told of (what is being done, done, of how many)."""


class Difference(Protocol):
    """Of one table of a read model: rows that it lacks, rows that it should not have, one of them as text."""

    @property
    def table(self) -> str: ...
    @property
    def missing(self) -> int: ...
    @property
    def surplus(self) -> int: ...
    @property
    def example(self) -> str: ...


Compare = Callable[[Callable[[int, int], None]], Sequence[Difference]]
"""Builds all read models beside the live ones and answers how they differ; is given a progress (done, of)."""


class Verified(NamedTuple):
    """A verification that was finished. `counts` is what programs read, see `Report.counts`."""

    counts: dict[str, Any]
    findings: list[Finding]
    started_at: datetime
    finished_at: datetime

    @property
    def ok(self) -> bool:
        return bool(self.counts["ok"])


class Verification:
    """`run` takes about a minute and a half for a million events and at most a few hundred MB: licences, seats and
    who sits are kept, one stream of the others at a time."""

    def __init__(
        self, scan: LogScan, codec: EventCodec, compare: Compare, records: VerificationRecords, clock: Clock
    ) -> None:
        self._scan = scan
        self._codec = codec
        self._compare = compare
        self._records = records
        self._clock = clock

    def run(self, progress: Progress = lambda _what, _done, _of: None) -> Verified:
        """Verifies everything and keeps the result; `Conflict` while another verification runs.

        Broken off, it leaves nothing behind but tables in a schema of their own, which the next one drops.
        """
        report, started_at = Report(), self._clock.now()
        with self._scan.alone():
            with self._scan.whole() as log:
                report.events, report.streams = log.events, log.streams
                self._read(log, report, progress)
            self._compare_read_models(report, progress)
        verified = Verified(report.counts, report.findings, started_at, self._clock.now())
        self._records.add(verified.counts, verified.findings, verified.started_at, verified.finished_at)
        return verified

    def last(self) -> Verified | None:
        """The newest verification that was finished."""
        row = self._records.last()
        if row is None:
            return None
        findings = [Finding(Damage(kind), text, position, _id(id)) for kind, text, position, id in row["findings"]]
        return Verified(row["counts"], findings, row["started_at"], row["finished_at"])

    # the log

    def _read(self, log: WholeLog, report: Report, progress: Progress) -> None:
        """Seats and licences together in log order, since they limit each other; all others stream by stream."""
        told = _Told(progress, log.events)
        seats = SeatChecks(report)
        for row, event in self._decoded(told.counting(log.in_order(*SeatChecks.KINDS)), report):
            if event is None:
                seats.cannot_read(row.originator_id)
            else:
                seats.take(row.position, event)
        billing = BillingChecks(report)
        _fold(self._decoded(told.counting(log.stream_by_stream(*SeatChecks.KINDS)), report), report, billing.take)
        billing.finish()

    def _decoded(self, rows: Iterable[LogRow], report: Report) -> Iterator[tuple[LogRow, Any]]:
        """Each row with its event, or None when it cannot be decoded."""
        decode = self._codec.to_domain_event
        for row in rows:
            try:
                yield row, decode(row)  # type: ignore[arg-type]  # has all that the codec reads
            except MapperDeserialisationError as error:
                text = " ".join(str(error).split())
                report.found(Damage.UNDECODABLE, text, position=row.position, stream_id=row.originator_id)
                yield row, None

    # the read models

    def _compare_read_models(self, report: Report, progress: Progress) -> None:
        try:
            differences = self._compare(lambda done, of: progress("Rebuilding the read models beside", done, of))
        except Exception as error:  # a log that cannot be followed cannot be compared with
            if self._scan.is_away(error):
                raise
            times = 0 if report.damage[Damage.UNDECODABLE] else 1
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            report.found(Damage.READ_MODEL, f"the read models could not be built anew: {reason}", times=times)
            return
        for each in differences:
            text = f"table {each.table}: {each.missing} rows of the log missing, {each.surplus} not of the log"
            times = max(each.missing, each.surplus)  # a row that says something else is on both sides
            report.found(Damage.READ_MODEL, f"{text} ({each.example})", times=times)


class _Told:
    """Passes rows on and tells of every few thousand."""

    def __init__(self, progress: Progress, of: int) -> None:
        self._progress = progress
        self._of = of
        self._done = 0

    def counting(self, rows: Iterable[LogRow]) -> Iterator[LogRow]:
        for row in rows:
            yield row
            self._done += 1
            if self._done % _TELL_EVERY == 0 or self._done == self._of:
                self._progress("Reading the log", self._done, self._of)


def _fold(decoded: Iterable[tuple[LogRow, Any]], report: Report, whole: Callable[[Aggregate], None]) -> None:
    """Replays one stream after the other and shows each to `whole`; of a stream that does not replay the first reason
    is reported."""
    stream_id, aggregate, broken = None, None, False
    for row, event in decoded:
        if row.originator_id != stream_id:
            if aggregate is not None and not broken:
                whole(aggregate)
            stream_id, aggregate, broken = row.originator_id, None, False
        if event is None:
            broken = True
        if broken:
            continue
        try:
            aggregate = event.mutate(aggregate)
            _require_kind(aggregate, row)
        except Exception as error:  # whatever its kind, this history does not make an aggregate
            broken = True
            text = f"{sentence_of(event)}: this cannot follow what came before ({type(error).__name__}: {error})"
            report.found(Damage.UNDECODABLE, text, position=row.position, stream_id=row.originator_id)
    if aggregate is not None and not broken:
        whole(aggregate)


def _require_kind(aggregate: Any, row: LogRow) -> None:
    if row.stream != aggregate.TOPIC:
        raise TypeError(f"an event of {row.stream} in the stream of {aggregate.TOPIC} {row.originator_id}")


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None
