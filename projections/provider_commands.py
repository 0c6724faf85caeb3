"""What payment providers were asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.ids import provider_command_id
from domain.provider_desk import Asked, ProviderDesk
from projections.listing import Row, page
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert


class CommandStatus(StrEnum):
    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


def _asked(recorded: Recorded) -> Iterable[Statement]:
    asked: Asked = recorded.event
    yield insert(
        "provider_commands",
        command_id=provider_command_id(recorded.stream_id, asked.number),
        position=recorded.position,
        desk_id=recorded.stream_id,
        number=asked.number,
        organization_id=asked.organization_id,
        kind=recorded.topic.removeprefix("provider_desk.").removesuffix("_asked"),
        status=CommandStatus.OPEN.value,
        asked_at=asked.timestamp,
    )


def _ended(recorded: Recorded, status: CommandStatus, **columns: Any) -> Iterable[Statement]:
    changes = {"status": status.value, "ended_at": recorded.event.timestamp, **columns}
    sql = f"update provider_commands set {', '.join(f'{name} = %({name})s' for name in changes)}"
    command_id = provider_command_id(recorded.stream_id, recorded.event.number)
    yield f"{sql} where command_id = %(command_id)s", {**changes, "command_id": command_id}


class ProviderCommands(ReadModel):
    name = "provider_commands"
    tables = ("provider_commands",)
    tenants_see: ClassVar[Mapping[str, str]] = {"provider_commands": OWN}
    ddl = """
        create table provider_commands (
            command_id      uuid primary key,
            position        bigint      not null,
            desk_id         uuid        not null,
            number          integer     not null,
            organization_id uuid        not null,
            kind            text        not null,
            status          text        not null,
            asked_at        timestamptz not null,
            ended_at        timestamptz,
            reference       text,                -- what was made or changed, in the provider's words
            reason          text                 -- why it was refused or given up
        );
        create index provider_commands_in_order on provider_commands (position);
        create index provider_commands_open on provider_commands (asked_at) where status = 'open';
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        **{
            kind: _asked
            for kind in (
                *(ProviderDesk.CustomerAsked, ProviderDesk.CheckoutAsked, ProviderDesk.PortalAsked),
                *(ProviderDesk.ChangeAsked, ProviderDesk.LaterChangeAsked, ProviderDesk.WithdrawalAsked),
                *(
                    ProviderDesk.CancellationAsked,
                    ProviderDesk.PauseAsked,
                    ProviderDesk.ResumptionAsked,
                    ProviderDesk.OverageBillAsked,
                ),
            )
        },
        ProviderDesk.Done: lambda r: _ended(r, CommandStatus.DONE, reference=r.event.reference),
        ProviderDesk.Refused: lambda r: _ended(r, CommandStatus.REFUSED, reason=r.event.reason),
        ProviderDesk.GivenUp: lambda r: _ended(r, CommandStatus.GIVEN_UP, reason=r.event.reason),
    }


def list_provider_commands(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    status: CommandStatus | None = None,
    organization_id: UUID | None = None,
) -> list[Row]:
    """Of all organizations, newest first, from below the position `after`."""
    conditions = [
        ("status", "status = %(status)s", status),
        ("organization_id", "organization_id = %(organization_id)s", organization_id),
        ("after", "position < %(after)s", after),
    ]
    return page(connection, "select * from provider_commands", conditions, order="position desc", limit=limit)


def open_desks(connection: psycopg.Connection[Any], *, before: datetime, limit: int) -> list[UUID]:
    """Desks whose command has had no outcome since `before`, the longest waiting first."""
    conditions = [("open", "status = 'open'", True), ("before", "asked_at <= %(before)s", before)]
    found = page(connection, "select desk_id from provider_commands", conditions, order="asked_at", limit=limit)
    return [row["desk_id"] for row in found]
