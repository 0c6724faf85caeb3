"""Usage for charts (contract §10): over time, or shared out."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Code, Moment, Time, text
from api.parameters import known_parameters
from api.quantities import Quantity
from api.usage import Subject, account_of
from domain.api_key import Scope
from domain.counting import check_zone
from domain.errors import InvalidRequest
from domain.meter import Aggregation, MeterTerms, shown
from domain.problems import refuse
from domain.rights import Rights
from projections import usage_charts as charts
from projections.positions import position_of
from projections.usage_log import USAGE

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["usage"], dependencies=[Depends(known_parameters)])

_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=28)}
_MOST_STEPS = 1_000
_LONGEST = timedelta(days=3_660)


class UsageShare(BaseModel):
    """A step of time (`start`, and its `date` in the time zone), or a share (`value`)."""

    start: Moment | None = None
    date: str | None = None
    value: str | None = None
    meter: str | None = None
    quantity: Quantity
    records: int


class UsageReport(BaseModel):
    """`total` is of the whole time, exactly; the parts are to the quarter of an hour, and up to `X-Log-Position` of the
    usage log."""

    meter: str | None
    aggregation: Aggregation | None
    unit: str | None
    by: str
    since: Moment = Field(serialization_alias="from")
    before: Moment = Field(serialization_alias="to")
    time_zone: str
    total: Quantity | None
    data: list[UsageShare]


class Span(NamedTuple):
    """From `since` to just before `before`."""

    since: datetime
    before: datetime


def span_of(
    since: Time | None = Query(None, alias="from", description="Without it, 30 days before `to`."),
    before: Time | None = Query(None, alias="to", description="Not included; without it, now."),
    services: Services = Depends(services_of),
) -> Span:
    """Dependency: from when until when. At most ten years."""
    before = before or services.clock.now()
    try:
        span = Span(since or before - timedelta(days=30), before)
    except OverflowError:
        raise InvalidRequest.field("to", "is at the beginning of the calendar") from None
    if not timedelta(0) < span.before - span.since <= _LONGEST:
        raise InvalidRequest.field("from", "must lie before `to`, at most ten years")
    return span


@router.get("/usage")
async def show_usage(
    response: Response,
    meter: Code | None = Query(None, description="Needed, unless `by` is meter."),
    by: Code = Query("day", description="hour, day, week, month, meter, subject, key, organization or a dimension."),
    only: text(200) | None = Query(None, description="One subject, key or dimension's value: `solution:s1`."),  # type: ignore[valid-type]
    time_zone: Code | None = Query(None, description="Without it, the organization's."),
    organization_id: UUID | None = None,
    subject: Subject | None = Query(None, description="For the vendor: a subject that is no organization's."),
    span: Span = Depends(span_of),
    caller: Caller = require(Scope.USAGE_READ),
    services: Services = Depends(services_of),
) -> UsageReport:
    """For charts: over time with every step, or shared out, the largest share first (a thousand at most)."""
    if by == "organization":
        caller.require(Scope.ADMIN)
        rights = None
    else:
        account_id = await account_of(services, caller, organization_id, subject)
        rights = (await run_in_threadpool(services.rights_book.read, account_id)).rights
    return await run_in_threadpool(_report, services, response, rights, meter, by, only, time_zone, span)


def _report(
    services: Services,
    response: Response,
    rights: Rights | None,
    meter: str | None,
    by: str,
    only: str | None,
    time_zone: str | None,
    span: Span,
) -> UsageReport:
    terms = _terms(services, meter) if meter is not None else None
    if terms is None and by != "meter":
        raise InvalidRequest.field("meter", "is needed, unless by is meter")
    zone = time_zone or (rights.time_zone if rights else "UTC")
    refuse(check_zone("time_zone", zone))
    report = _Report(services, rights, meter, terms, zone, span)
    with services.database.connection() as connection:
        response.headers["X-Log-Position"] = str(position_of(connection, "usage", USAGE))
        data, total = report.data(connection, by, only)
    return UsageReport(
        meter=meter,
        aggregation=terms.aggregation if terms else None,
        unit=(terms.unit or None) if terms else None,
        by=by,
        since=span.since,
        before=span.before,
        time_zone=zone,
        total=total,
        data=data,
    )


class _Report:
    """One question about usage, answered from the read model."""

    def __init__(
        self,
        services: Services,
        rights: Rights | None,
        meter: str | None,
        terms: MeterTerms | None,
        zone: str,
        span: Span,
    ) -> None:
        self._services = services
        self._accounts = list(rights.accounts) if rights else []
        self._meter = meter
        self._terms = terms
        self._zone = zone
        self._span = span._asdict()

    def data(self, connection: Any, by: str, only: str | None) -> tuple[list[UsageShare], Quantity | None]:
        if only is not None and by not in _STEPS:
            raise InvalidRequest.field("only", "is for steps of time; shares are of everything")
        if by == "meter":
            return self._by_meter(connection), None
        of = self._of("total", "")
        if by == "organization":
            found = charts.usage_by_organization(connection, of.meter, of.aggregation, **self._span)
            return [_share(row) for row in found], None
        if by in _STEPS:
            of = self._only(only)
            steps = (self._span["before"] - self._span["since"]) // _STEPS[by]
            if steps > _MOST_STEPS:
                raise InvalidRequest.field("from", f"would give more than {_MOST_STEPS:,} steps of a {by}")
            found = charts.usage_over_time(connection, of, step=by, zone=self._zone, **self._span)
            local = ZoneInfo(self._zone)
            data = [_share(row, date=row["start"].astimezone(local).date().isoformat()) for row in found]
        else:
            data = self._shares(connection, by)
        return data, shown(charts.total(connection, of, **self._span))

    def _by_meter(self, connection: Any) -> list[UsageShare]:
        shares = []
        for code in charts.meters_used(connection, self._accounts) if self._meter is None else [self._meter]:
            of = charts.Of(self._accounts, code, _terms(self._services, code).aggregation)
            quantity = shown(charts.total(connection, of, **self._span))
            records = charts.total(connection, of._replace(aggregation=Aggregation.COUNT), **self._span)
            shares.append(UsageShare(meter=code, quantity=quantity, records=int(records)))
        return shares

    def _shares(self, connection: Any, by: str) -> list[UsageShare]:
        of = self._of(_axis(by), "", field="by")
        names = self._services.subject_names.of(self._accounts) if by == "subject" else {}
        found = charts.usage_shares(connection, of, **self._span)
        return [_share(row, value=names.get(row["value"], row["value"])) for row in found]

    def _only(self, only: str | None) -> charts.Of:
        """`solution:s1`, `subject:…`, `key:…`; all of it when nothing is named."""
        if only is None:
            return self._of("total", "")
        name, colon, value = only.partition(":")
        if not colon or not value:
            raise InvalidRequest.field("only", "must be a name and a value, such as solution:s1")
        if name == "subject":
            value = str(self._services.subject_digests.digest(value))
        return self._of(_axis(name), value, field="only")

    def _of(self, axis: str, value: str, *, field: str = "meter") -> charts.Of:
        assert self._meter is not None and self._terms is not None
        if self._terms.aggregation is Aggregation.LAST and axis not in ("total", "subject"):
            raise InvalidRequest.field(field, f"{self._meter} is a level of subjects: it is known by these alone")
        return charts.Of(self._accounts, self._meter, self._terms.aggregation, axis, value)


def _terms(services: Services, meter: str) -> MeterTerms:
    terms = services.offer.look().meters.get(meter)
    if terms is None:
        raise InvalidRequest.field("meter", f"{meter} is not a known meter")
    return terms


def _axis(by: str) -> str:
    return by if by in ("subject", "key") else f".{by}"


def _share(row: dict[str, Any], **more: Any) -> UsageShare:
    quantity = shown(Decimal(row["quantity"] or 0))
    return UsageShare(**{**row, **more, "quantity": quantity, "records": int(row["records"])})
