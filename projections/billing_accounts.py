"""Whose a payment provider's customers are: which of them an organization pays through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.billing_account import BillingAccount
from projections.listing import select
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert, update


def _opened(recorded: Recorded) -> Iterable[Statement]:
    opened: BillingAccount.Opened = recorded.event
    yield insert(
        "billing_accounts",
        account_id=recorded.stream_id,
        position=recorded.position,
        provider=opened.provider,
        customer=opened.customer,
        organization_id=opened.organization_id,
        basis=int(opened.basis),
        linked_at=opened.linked_at,
        deleted=False,
    )


def _linked(recorded: Recorded) -> Iterable[Statement]:
    linked: BillingAccount.Linked = recorded.event
    return update(
        "billing_accounts",
        "account_id",
        recorded,
        organization_id=linked.organization_id,
        basis=int(linked.basis),
        linked_at=linked.linked_at,
    )


class BillingAccounts(ReadModel):
    name = "billing_accounts"
    tables = ("billing_accounts",)
    tenants_see: ClassVar[Mapping[str, str]] = {"billing_accounts": OWN}
    ddl = """
        create table billing_accounts (
            account_id      uuid primary key,
            position        bigint      not null,
            provider        text        not null,
            customer        text        not null,
            organization_id uuid        not null,
            basis           integer     not null,
            linked_at       timestamptz not null,
            deleted         boolean     not null
        );
        create index billing_accounts_of_organization on billing_accounts (organization_id);
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        BillingAccount.Opened: _opened,
        BillingAccount.Linked: _linked,
        BillingAccount.Deleted: lambda r: update("billing_accounts", "account_id", r, deleted=True),
    }


def accounts_of(connection: psycopg.Connection[Any], organization_id: UUID, provider: str) -> list[UUID]:
    """The accounts that an organization may pay through, the best founded and oldest first."""
    sql = """
        select account_id from billing_accounts
        where organization_id = %(organization_id)s and provider = %(provider)s and not deleted
        order by basis desc, linked_at, account_id"""
    found = select(connection, sql, {"organization_id": organization_id, "provider": provider})
    return [row["account_id"] for row in found]
