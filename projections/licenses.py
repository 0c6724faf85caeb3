"""Licences as lists show them; what depends on the time is worked out when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from domain.documents import features_document, limits_document
from domain.license import License
from domain.license_terms import RENEWAL_LEEWAY, Terms
from domain.standing import GOOD, PaymentStanding
from projections.listing import Row, containing, page
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert, update


def _changed(recorded: Recorded, **columns: Any) -> list[Statement]:
    return update("licenses", "license_id", recorded, **columns)


def _terms(terms: Terms) -> dict[str, Any]:
    grants = terms.entitlements
    return {
        "product": terms.product,
        "plan": terms.plan,
        "plan_version": terms.plan_version,
        "seats": terms.seats,
        "overage": grants.overage.value,
        "machines_limit": grants.machines,
        "features": Jsonb(features_document(grants.features)),
        "limits": Jsonb(limits_document(grants.limits)),
    }


def _payment(payment: PaymentStanding, held: bool) -> dict[str, Any]:
    return {
        "payment_standing": payment.standing.value,
        "payment_reason": payment.reason,
        "payment_until": payment.until,
        "held_by_payment": held,
    }


def _machines(recorded: Recorded, change: int) -> Iterable[Statement]:
    sql = "update licenses set machines_used = machines_used + %s where license_id = %s"
    yield sql, (change, recorded.stream_id)


def _issued(recorded: Recorded) -> Iterable[Statement]:
    issued: License.Issued = recorded.event
    yield insert(
        "licenses",
        license_id=recorded.stream_id,
        position=recorded.position,
        organization_id=issued.organization_id,
        subscription_id=issued.subscription_id,
        key_hint=issued.key.hint,
        issued_at=issued.timestamp,
        expires_at=issued.expires_at,
        **_terms(issued.terms),
    )


class Licenses(ReadModel):
    name = "licenses"
    version = 2
    tables = ("licenses",)
    tenants_see: ClassVar[Mapping[str, str]] = {"licenses": OWN}
    ddl = """
        create table licenses (
            license_id       uuid primary key,
            position         bigint      not null,
            organization_id  uuid        not null,
            subscription_id  uuid,
            key_hint         text        not null,
            product          text        not null,
            plan             text        not null,
            plan_version     integer     not null,
            seats            integer     not null,
            overage          text        not null,
            machines_limit   integer,              -- null: not bound to machines
            machines_used    integer     not null default 0,
            features         jsonb       not null,
            limits           jsonb       not null,
            issued_at        timestamptz not null,
            expires_at       timestamptz,
            payment_standing text        not null default 'good',
            payment_reason   text,
            payment_until    timestamptz,
            held_by_payment  boolean     not null default false,
            vendor_hold      text,
            revoked_reason   text
        );
        create index licenses_in_order on licenses (position);
        create index licenses_of_organization on licenses (organization_id, position);
        create index licenses_of_subscription on licenses (subscription_id);
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        License.Issued: _issued,
        License.GraceOpened: lambda r: _changed(r, **_payment(r.event.payment, held=False)),
        License.PaymentRecovered: lambda r: _changed(r, **_payment(r.event.payment, held=False)),
        License.PaymentSuspended: lambda r: _changed(r, **_payment(r.event.payment, held=True)),
        License.Suspended: lambda r: _changed(r, vendor_hold=r.event.reason),
        License.Reinstated: lambda r: _changed(r, vendor_hold=None, held_by_payment=False),
        License.Revoked: lambda r: _changed(r, revoked_reason=r.event.reason, **_payment(GOOD, held=False)),
        License.Resized: lambda r: _changed(r, seats=r.event.seats),
        License.PurchaseChanged: lambda r: _changed(r, **_terms(r.event.terms)),
        License.Renewed: lambda r: _changed(r, expires_at=r.event.expires_at),
        License.Extended: lambda r: _changed(r, expires_at=r.event.expires_at),
        License.KeyRotated: lambda r: _changed(r, key_hint=r.event.key.hint),
        License.MachineActivated: lambda r: _machines(r, 1),
        License.MachineDeactivated: lambda r: _machines(r, -1),
        License.Transferred: lambda r: _changed(r, organization_id=r.event.organization_id),
    }


# Says what License.status(now), .suspended_reason, .grace_ends_at and Terms.seats_allowed say.
LICENSES_AT = """
    select *, case
        when revoked_reason is not null then 'revoked'
        when suspended_reason is not null then 'suspended'
        when grace_ends_at > %(now)s then 'grace'
        when grace_ends_at is not null then 'suspended'
        when expires_at + case when subscription_id is null then interval '0' else %(leeway)s end <= %(now)s
            then 'expired'
        else 'active'
    end as status
    from (
        select *,
            coalesce(nullif(vendor_hold, ''), case when held_by_payment then nullif(payment_reason, '') end)
                as suspended_reason,
            case when payment_standing = 'grace' then payment_until end as grace_ends_at,
            case when overage <> 'unlimited' then seats + floor(seats * overage::numeric)::integer end as seats_allowed
        from licenses
    ) as of_now"""
LEEWAY = {"leeway": RENEWAL_LEEWAY}

_LIST = f"""
    select license_id, position, key_hint, organization_id, product, plan, plan_version, status, seats, seats_allowed,
        coalesce(taken, 0) as seats_used, machines_limit, machines_used, features, limits, issued_at, expires_at,
        grace_ends_at, suspended_reason, subscription_id
    from ({LICENSES_AT}) as licenses left join seats_taken using (license_id)"""
_ABOUT = """key_hint ilike %(q)s
    or organization_id in (
        select m.organization_id from memberships m join people p using (user_id) where p.email ilike %(q)s)
    or organization_id in (select organization_id from organization_contacts where email ilike %(q)s)"""


def list_licenses(
    connection: psycopg.Connection[Any],
    *,
    now: datetime,
    limit: int,
    after: int | None = None,
    organization_id: UUID | None = None,
    status: str | None = None,
    product: str | None = None,
    subscription_id: UUID | None = None,
    q: str | None = None,
) -> list[Row]:
    """Licences as they stand at `now`, newest first, from below the position `after`; each row has its `position`.

    `seats` are those granted, `seats_allowed` (None: no end) those with overage, `seats_used` those taken. `q` is a
    part of the key's hint or of an address of the organization or its members: for the vendor only.
    """
    conditions = [
        ("organization_id", "organization_id = %(organization_id)s", organization_id),
        ("status", "status = %(status)s", status),
        ("product", "product = %(product)s", product),
        ("subscription_id", "subscription_id = %(subscription_id)s", subscription_id),
        ("q", _ABOUT, containing(q)),
        ("after", "position < %(after)s", after),
    ]
    params = {"now": now, **LEEWAY}
    return page(connection, _LIST, conditions, order="position desc", limit=limit, params=params)


def get_license(
    connection: psycopg.Connection[Any], license_id: UUID, *, now: datetime, organization_id: UUID | None = None
) -> Row | None:
    """One licence of the list; None when there is none, or it is another organization's."""
    conditions = [
        ("license_id", "license_id = %(license_id)s", license_id),
        ("organization_id", "organization_id = %(organization_id)s", organization_id),
    ]
    params = {"now": now, **LEEWAY}
    found = page(connection, _LIST, conditions, order="position", limit=1, params=params)
    return found[0] if found else None
