"""Callers of the API, and read models that stand where the log stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

import pytest

from adapters.bootstrap import Services
from adapters.stripe_client import Stripe
from api.app import create_app
from domain.user import User
from projections.all import read_models
from projections.follower import Followers, connect
from scripts.stripe_sim.server import serving
from tests.api.people_engine import Client, PeopleEngine, people_engine
from tests.api.shop import Shop


class Member(NamedTuple):
    """A person who is logged in, in an organization of its own."""

    organization_id: UUID
    client: Client


@pytest.fixture
def database_url(databases) -> Iterator[str]:
    """Read models are there and empty."""
    with databases.migrated(with_read_models=True) as url:
        yield url


@pytest.fixture
def services(settings) -> Iterator[PeopleEngine]:
    with people_engine(settings) as services:
        services.signing.ensure(services.clock.now())
        yield services


@pytest.fixture
def caught_up(services) -> Callable[[], None]:
    """Call it: the read models take everything that happened so far."""

    def catch_up() -> None:
        models = read_models()
        with connect(services.settings.database_url) as connection:
            Followers(services.settings.database_url, services.codec.to_domain_event, models).catch_up(connection)
            failed = connection.execute("select name, error from follower_positions where error is not null").fetchall()
        assert failed == []

    return catch_up


@pytest.fixture
def client(services) -> Client:
    """Without a credential."""
    return Client(create_app(services))


@pytest.fixture
def admin(services, client) -> Client:
    services.api_keys.ensure_admin_key(services.settings.admin_key)
    return client.as_(services.settings.admin_key)


def member(services: Services, client: Client, name: str) -> Member:
    """A new person's client."""
    made = services.users.register(
        email=f"{name}@example.test", password="a long and windy road", full_name=name, company_name=f"{name} Ltd"
    )
    token = services.logins.start(services.store.fetch(User, made.user_id)).access_token
    return Member(made.organization_id, client.as_(token))


@pytest.fixture
def ann(services, client) -> Member:
    return member(services, client, "ann")


@pytest.fixture
def bob(services, client) -> Member:
    """Somebody of another organization."""
    return member(services, client, "bob")


@pytest.fixture
def shop(services) -> Shop:
    """With CODITECT on sale."""
    return Shop(services)


@pytest.fixture
def selling(services, shop) -> Iterator[None]:
    """Stripe can be asked, and has the prices."""
    with serving(shop.account) as url:
        vars(services)["stripe_account"] = Stripe("sk_test_x", services.clock, api_base=url)
        list(services.price_sync.run())
        yield
