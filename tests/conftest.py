"""Real servers for the tests: one PostgreSQL and one Valkey a session, a fresh migrated database a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from adapters.bootstrap import Services, build
from adapters.embedded import EmbeddedServers, EngineRuns
from adapters.settings import Mode, Settings
from tests.databases import Databases

HOMES = Path(__file__).parents[1] / ".usher" / "tests"


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """The embedded servers of this test run, without fsync."""
    servers = start_servers()
    yield servers
    servers.stop()


def start_servers() -> EmbeddedServers:
    """In the first home that no other run uses now. Homes are kept: the next run starts faster, and the servers that a
    killed run left behind are found there and ended."""
    for number in range(100):
        servers = EmbeddedServers(HOMES / str(number), durable=False)
        try:
            servers.start()
            return servers
        except EngineRuns:
            continue
    raise AssertionError(f"a hundred test runs at once in {HOMES}")


@pytest.fixture(scope="session")
def postgres_url(servers) -> str:
    """The session's PostgreSQL, database `usher`, nothing migrated."""
    return servers.database_url


@pytest.fixture(scope="session")
def databases(postgres_url) -> Databases:
    return Databases(postgres_url)


@pytest.fixture(scope="session")
def redis_url(servers) -> str:
    """The session's Valkey as it is; a test that writes takes `empty_redis_url` or `redis`."""
    return servers.redis_url


@pytest.fixture
def database_url(databases) -> Iterator[str]:
    """A migrated database of this test alone."""
    with databases.migrated() as url:
        yield url


@pytest.fixture
def empty_database_url(databases) -> Iterator[str]:
    """A fresh database of this test alone, nothing migrated."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def empty_redis_url(redis_url) -> str:
    """The session's Valkey, emptied for this test."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture
def redis(empty_redis_url) -> Iterator[Redis]:
    """A client of the emptied Valkey; answers are bytes."""
    with Redis.from_url(empty_redis_url) as client:
        yield client


@pytest.fixture
def settings(tmp_path, database_url, empty_redis_url) -> Settings:
    """A sandbox engine on this test's own database."""
    settings = Settings(
        data_dir=tmp_path,
        mode=Mode.SANDBOX,
        admin_key="usk_test_admin_key_of_the_vendor",
        secret_key="the secret of a test engine, which is long enough",
        stripe_webhook_secrets=("whsec_test_current", "whsec_test_former"),
    )
    return settings.with_servers(database_url=database_url, redis_url=empty_redis_url)


@pytest.fixture
def services(settings) -> Iterator[Services]:
    """The whole engine in this process, on this test's own database and an emptied Valkey."""
    services = build(settings)
    services.signing.ensure(services.clock.now())
    yield services
    services.close()
