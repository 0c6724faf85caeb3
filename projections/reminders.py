"""Of what customers are to be told ahead of time, and when: the next reminder of each subscription and customer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from domain.billing_account import BillingAccount
from domain.subscription import Subscription
from projections.log import Recorded
from projections.read_model import Handler, ReadModel, Statement


def _planned(recorded: Recorded) -> Iterable[Statement]:
    reminders = recorded.event.reminders
    if not reminders:
        yield "delete from reminders where stream_id = %s", (recorded.stream_id,)
        return
    yield (
        "insert into reminders (stream_id, stream, position, due_at) values (%s, %s, %s, %s)"
        " on conflict (stream_id) do update set position = excluded.position, due_at = excluded.due_at",
        (
            recorded.stream_id,
            recorded.topic.split(".")[0],
            recorded.position,
            min(each.at for each in reminders),
        ),
    )


class Reminders(ReadModel):
    """One row for each stream that has something to tell."""

    name = "reminders"
    tables = ("reminders",)
    ddl = """
        create table reminders (
            stream_id uuid primary key,
            stream    text        not null,
            position  bigint      not null,
            due_at    timestamptz not null
        );
        create index reminders_by_time on reminders (due_at);
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        Subscription.RemindersPlanned: _planned,
        BillingAccount.RemindersPlanned: _planned,
    }


class DueReminder(NamedTuple):
    """`stream` is the kind of aggregate that has something to tell."""

    stream_id: UUID
    stream: str


def due_reminders(connection: psycopg.Connection[Any], *, now: datetime, limit: int) -> list[DueReminder]:
    """What has fallen due by `now` and has not been told yet, the longest overdue first."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "select stream_id, stream from reminders where due_at <= %s order by due_at limit %s", (now, limit)
        )
        return [DueReminder(*row) for row in cursor.fetchall()]
