"""What a dashboard shows at a glance: counts by day, and how everything stands now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.invoice import Invoice
from domain.license import License
from domain.seat import Seat
from projections.licenses import LEEWAY, LICENSES_AT
from projections.listing import Row, select
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement

DAYS_SHOWN = 30
_COUNT = """
    insert into daily_counts (day, organization_id, what, count)
    select day, organization_id, what, count(*)
    from unnest(%b::date[], %b::uuid[], %b::text[]) as happened (day, organization_id, what)
    group by day, organization_id, what
    on conflict (day, organization_id, what) do update set count = daily_counts.count + excluded.count"""


def _counted(what: str) -> Handler:
    def count(recorded: Recorded) -> Iterable[Statement]:
        event = recorded.event
        yield _COUNT, (event.timestamp.astimezone(UTC).date(), event.organization_id, what)

    return count


def _payment_failed(recorded: Recorded) -> Iterable[Statement]:
    """An attempt is reported more than once, perhaps with an earlier time: it failed once, at the last one reported."""
    failed: Invoice.PaymentFailed = recorded.event
    yield (
        "insert into failed_payments (invoice_id, attempt, failed_at) values (%s, %s, %s)"
        " on conflict (invoice_id, attempt) do update set failed_at = excluded.failed_at",
        (recorded.stream_id, failed.attempt, failed.failed_at),
    )


class Overview(ReadModel):
    """Days are those of UTC; an event counts for the organization that it named."""

    name = "overview"
    tables = ("daily_counts", "failed_payments")
    tenants_see: ClassVar[Mapping[str, str]] = {"daily_counts": OWN}
    ddl = """
        create table daily_counts (
            day             date   not null,
            organization_id uuid   not null,
            what            text   not null,
            count           bigint not null,
            primary key (day, organization_id, what)
        ) with (fillfactor = 70);
        create table failed_payments (
            invoice_id uuid        not null,
            attempt    integer     not null,
            failed_at  timestamptz not null,
            primary key (invoice_id, attempt)
        );
        create index failed_payments_by_time on failed_payments (failed_at);
    """
    gathered = (_COUNT,)
    handlers: ClassVar[dict[type[Any], Handler]] = {
        License.Issued: _counted("licenses_issued"),
        Seat.SessionOpened: _counted("seats_opened"),
        Seat.SessionClosed: _counted("seats_closed"),
        Invoice.PaymentFailed: _payment_failed,
    }


_OURS = "(%(organization_id)s::uuid is null or {}organization_id = %(organization_id)s)"
_LICENSES = f"""
    select count(*) filter (where status = 'active') as active, count(*) filter (where status = 'grace') as grace,
        count(*) filter (where status = 'suspended') as suspended,
        count(*) filter (where status = 'expired') as expired, count(*) filter (where status = 'revoked') as revoked,
        coalesce(sum(seats_allowed) filter (where works), 0)::bigint as seats_limit,
        coalesce(sum(taken), 0)::bigint as seats_used,
        coalesce(sum(greatest(seats_allowed - coalesce(taken, 0), 0)) filter (where works), 0)::bigint as seats_left,
        count(*) filter (where works and seats_allowed is null) as licenses_without_limit
    from (
        select *, status in ('active', 'grace') as works from ({LICENSES_AT}) as at where {_OURS.format("")}
    ) as ours left join seats_taken using (license_id)"""
_RENEWALS = f"""
    select count(*) filter (where period_end < %(in_7_days)s) as in_7_days, count(*) as in_30_days
    from subscriptions
    where status in ('trialing', 'active', 'past_due') and (cancel_at is null or cancel_at > period_end)
        and period_end >= %(now)s and period_end < %(in_30_days)s and {_OURS.format("")}"""
_OPEN_INVOICES = f"""
    select currency, count(*) as count, sum(amount_due - amount_paid)::bigint as amount from invoices
    where status = 'open' and {_OURS.format("")} group by currency order by currency"""
_WEBHOOKS = """
    select count(*) filter (where status = 'received') as received,
        count(*) filter (where status = 'deferred') as deferred, count(*) filter (where status = 'failed') as failed
    from provider_events where status in ('received', 'deferred', 'failed')"""
_DAYS = f"""
    with counted as (
        select day, what, count from daily_counts where day >= %(first_day)s and {_OURS.format("")}
        union all
        select (failed_at at time zone 'UTC')::date, 'payments_failed', 1
        from failed_payments f join invoices i using (invoice_id)
        where failed_at >= %(first_day)s::timestamp at time zone 'UTC' and {_OURS.format("i.")}
    )
    select day::date as day,
        coalesce(sum(count) filter (where what = 'licenses_issued'), 0)::bigint as licenses_issued,
        coalesce(sum(count) filter (where what = 'seats_opened'), 0)::bigint as seats_opened,
        coalesce(sum(count) filter (where what = 'seats_closed'), 0)::bigint as seats_closed,
        coalesce(sum(count) filter (where what = 'payments_failed'), 0)::bigint as payments_failed
    from generate_series(%(first_day)s::date, %(today)s::date, interval '1 day') as days (day)
        left join counted using (day)
    group by day order by day desc"""


def overview(connection: psycopg.Connection[Any], *, now: datetime, organization_id: UUID | None = None) -> Row:
    """`{"licenses": {status: n}, "seats": {"limit", "used", "left", "licenses_without_limit"}, "renewals":
    {"in_7_days", "in_30_days"}, "open_invoices": [{"currency", "count", "amount"}], "provider_events": {"received",
    "deferred", "failed"} (None for one organization), "days": the last 30, newest first}`.

    Seats limit (with overage) and left are those of licences that work; amounts are minor units.
    """
    today = now.astimezone(UTC).date()
    params = {
        **LEEWAY,
        "now": now,
        "in_7_days": now + timedelta(days=7),
        "in_30_days": now + timedelta(days=30),
        "today": today,
        "first_day": today - timedelta(days=DAYS_SHOWN - 1),
        "organization_id": organization_id,
    }
    (licenses,) = select(connection, _LICENSES, params)
    (renewals,) = select(connection, _RENEWALS, params)
    without_limit = licenses.pop("licenses_without_limit")
    seats = {name: licenses.pop(f"seats_{name}") for name in ("limit", "used", "left")}
    return {
        "licenses": licenses,
        "seats": {**seats, "licenses_without_limit": without_limit},
        "renewals": renewals,
        "open_invoices": select(connection, _OPEN_INVOICES, params),
        "provider_events": None if organization_id else select(connection, _WEBHOOKS)[0],
        "days": select(connection, _DAYS, params),
    }
