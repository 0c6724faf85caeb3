"""Users and organizations: that they are there and how they stand. Who they are is joined when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.organization import Organization
from domain.user import User
from projections.listing import Row, containing, page
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert, update


def _user(recorded: Recorded) -> Iterable[Statement]:
    registered: User.Registered = recorded.event
    yield insert(
        "users",
        user_id=recorded.stream_id,
        position=recorded.position,
        organization_id=registered.organization_id,
        status="registered",
        registered_at=registered.timestamp,
    )


def _verified(recorded: Recorded) -> Iterable[Statement]:
    return update("users", "user_id", recorded, status="verified", verified_at=recorded.event.timestamp)


def _erased(recorded: Recorded) -> Iterable[Statement]:
    return update("users", "user_id", recorded, status="erased", erased_at=recorded.event.timestamp)


def _organization(recorded: Recorded) -> Iterable[Statement]:
    yield insert(
        "organizations",
        organization_id=recorded.stream_id,
        position=recorded.position,
        origin="registered" if isinstance(recorded.event, Organization.Registered) else "customer",
        since=recorded.event.timestamp,
    )


def _merged(recorded: Recorded) -> Iterable[Statement]:
    """What it had is another organization's now."""
    yield "delete from organizations where organization_id = %s", (recorded.stream_id,)


class People(ReadModel):
    name = "people"
    tables = ("users", "organizations")
    tenants_see: ClassVar[Mapping[str, str]] = {"users": OWN, "organizations": OWN}
    ddl = """
        create table users (
            user_id         uuid primary key,
            position        bigint      not null,
            organization_id uuid,                   -- registered with the person; null for one who was invited
            status          text        not null,   -- registered, verified, erased
            registered_at   timestamptz not null,
            verified_at     timestamptz,
            erased_at       timestamptz
        );
        create index users_in_order on users (position);
        create index users_of_organization on users (organization_id, position);
        create table organizations (
            organization_id uuid primary key,
            position        bigint      not null,
            origin          text        not null,   -- registered, or made from a provider's customer
            since           timestamptz not null
        );
        create index organizations_in_order on organizations (position);
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        User.Registered: _user,
        User.EmailVerified: _verified,
        User.Erased: _erased,
        Organization.Registered: _organization,
        Organization.Adopted: _organization,
        Organization.Merged: _merged,
    }


_USERS = """
    select u.*, p.email, p.full_name, c.company_name
    from users u left join people p using (user_id)
        left join organization_contacts c on c.organization_id = u.organization_id"""
_ORGANIZATIONS = """
    select o.*, c.email, c.name, c.company_name
    from organizations o left join organization_contacts c using (organization_id)"""


def list_users(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    organization_id: UUID | None = None,
    status: str | None = None,
    q: str | None = None,
) -> list[Row]:
    """Users, newest first, from below the position `after`; `status` is registered, verified or erased, `q` a part of
    the address or of the company's name. An erased person's names are None."""
    conditions = [
        ("organization_id", "u.organization_id = %(organization_id)s", organization_id),
        ("status", "u.status = %(status)s", status),
        ("q", "p.email ilike %(q)s or c.company_name ilike %(q)s", containing(q)),
        ("after", "u.position < %(after)s", after),
    ]
    return page(connection, _USERS, conditions, order="u.position desc", limit=limit)


def list_organizations(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    organization_id: UUID | None = None,
    q: str | None = None,
) -> list[Row]:
    """Organizations with their contact, newest first, from below the position `after`; `q` as for users."""
    conditions = [
        ("organization_id", "o.organization_id = %(organization_id)s", organization_id),
        ("q", "c.email ilike %(q)s or c.company_name ilike %(q)s", containing(q)),
        ("after", "o.position < %(after)s", after),
    ]
    return page(connection, _ORGANIZATIONS, conditions, order="o.position desc", limit=limit)
