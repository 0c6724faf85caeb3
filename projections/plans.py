"""Products and plans with all their versions: what is sold, and what running subscriptions were bought under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import psycopg
from psycopg.types.json import Jsonb

from domain.documents import entitlements_document, notices_document, price_document
from domain.plan import Plan, PlanTerms
from domain.product import Product
from projections.listing import Row, page
from projections.log import Recorded
from projections.read_model import EVERYBODYS, Handler, ReadModel, Statement, insert, update


def _version(recorded: Recorded, number: int, terms: PlanTerms) -> Statement:
    seats = terms.entitlements.seats
    return (
        "insert into plan_versions (plan, version, position, published_at, name, trial_days, seats_per_unit,"
        " entitlements, prices, lowest_price, notices)"
        " select code, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s from plans where plan_id = %s",
        (
            number,
            recorded.position,
            recorded.event.timestamp,
            terms.name,
            terms.trial_days,
            None if seats == "quantity" else seats,
            Jsonb(entitlements_document(terms.entitlements)),
            Jsonb([price_document(price) for price in terms.prices]),
            min((price.money.amount for price in terms.prices), default=None),
            Jsonb(notices_document(terms.notices)),
            recorded.stream_id,
        ),
    )


def _published(recorded: Recorded) -> Iterable[Statement]:
    published: Plan.Published = recorded.event
    yield insert(
        "plans",
        plan_id=recorded.stream_id,
        position=recorded.position,
        code=published.code,
        product=published.product,
        current_version=1,
        withdrawn=False,
    )
    yield _version(recorded, 1, published.terms)


def _version_published(recorded: Recorded) -> Iterable[Statement]:
    published: Plan.VersionPublished = recorded.event
    yield _version(recorded, published.number, published.terms)
    yield from update("plans", "plan_id", recorded, current_version=published.number, withdrawn=False)


def _product(recorded: Recorded) -> Iterable[Statement]:
    registered: Product.Registered = recorded.event
    yield insert(
        "products",
        product_id=recorded.stream_id,
        position=recorded.position,
        code=registered.code,
        name=registered.name,
        license_key_prefix=registered.license_key_prefix,
    )


def _prefix(recorded: Recorded) -> Iterable[Statement]:
    return update("products", "product_id", recorded, license_key_prefix=recorded.event.license_key_prefix)


class Plans(ReadModel):
    name = "plans"
    version = 3
    tables = ("products", "plans", "plan_versions")
    tenants_see: ClassVar[Mapping[str, str]] = {
        "products": EVERYBODYS,
        "plans": EVERYBODYS,
        "plan_versions": EVERYBODYS,
    }
    ddl = """
        create table products (
            product_id         uuid primary key,
            position           bigint not null,
            code               text   not null unique,
            name               text   not null,
            license_key_prefix text   not null
        );
        create table plans (
            plan_id         uuid primary key,
            position        bigint  not null,
            code            text    not null unique,
            product         text    not null,
            current_version integer not null,
            withdrawn       boolean not null
        );
        create table plan_versions (
            plan           text        not null,
            version        integer     not null,
            position       bigint      not null,
            published_at   timestamptz not null,
            name           text        not null,
            trial_days     integer     not null,
            seats_per_unit integer,              -- null: a unit is a seat
            entitlements   jsonb       not null,
            prices         jsonb       not null,
            lowest_price   bigint,               -- null: negotiated
            notices        jsonb       not null,
            primary key (plan, version)
        );
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {
        Product.Registered: _product,
        Product.Renamed: lambda r: update("products", "product_id", r, name=r.event.name),
        Product.PrefixChanged: _prefix,
        Plan.Published: _published,
        Plan.VersionPublished: _version_published,
        Plan.Withdrawn: lambda r: update("plans", "plan_id", r, withdrawn=True),
        Plan.Returned: lambda r: update("plans", "plan_id", r, withdrawn=False),
    }


_NEGOTIATED = 2**62
_LIST = f"""
    select p.code, p.product, p.position, p.current_version, p.withdrawn, v.name, v.trial_days, v.entitlements,
        v.prices, v.notices, v.lowest_price, v.published_at, coalesce(v.lowest_price, {_NEGOTIATED}) as price_order
    from plans p join plan_versions v on v.plan = p.code and v.version = p.current_version"""


def list_plans(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: tuple[int, str] | None = None,
    product: str | None = None,
    code: str | None = None,
    withdrawn: bool | None = False,
) -> list[Row]:
    """Plans under their current version by their lowest price, negotiated ones last; `after` is (`price_order`,
    `code`) of the last one seen. Those on sale; with `withdrawn` None all of them."""
    amount, last_code = after or (None, None)
    conditions = [
        ("withdrawn", "p.withdrawn = %(withdrawn)s", withdrawn),
        ("product", "p.product = %(product)s", product),
        ("code", "p.code = %(code)s", code),
        ("amount", "(coalesce(v.lowest_price, %(negotiated)s), p.code) > (%(amount)s, %(last_code)s)", amount),
    ]
    params = {"last_code": last_code, "negotiated": _NEGOTIATED}
    return page(connection, _LIST, conditions, order="price_order, p.code", limit=limit, params=params)


def get_plan(connection: psycopg.Connection[Any], code: str) -> Row | None:
    """The plan under its current version, also when it is withdrawn."""
    found = list_plans(connection, code=code, withdrawn=None, limit=1)
    return found[0] if found else None
