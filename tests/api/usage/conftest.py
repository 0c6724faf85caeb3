"""An engine that meters, with an application over it. A module shares it: each test has organizations of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis import Redis

from adapters.passwords import Passwords
from api.app import create_app
from domain.api_key import Scope
from tests.api.conftest import Member, member
from tests.api.people_engine import Client
from tests.usage_world import UsageWorld, sandbox


@dataclass
class MeteredApi:
    """`vendor` may everything; `client` has no credential."""

    world: UsageWorld
    client: Client
    vendor: Client

    def sell(self, *meters: dict[str, Any], **plans: Any) -> None:
        self.world.sell(*meters, **plans)

    def customer(self, plan: str | None = None) -> Member:
        """A person who is logged in, in an organization with a licence of the plan."""
        made = member(self.world.services, self.client, f"m{uuid4().hex[:12]}")
        if plan is not None:
            self.world.license(made.organization_id, plan)
        return made

    def key(self, organization_id: UUID | None, *scopes: Scope) -> tuple[Client, UUID]:
        """A program's client, and the id of its API key."""
        issued = self.world.services.api_keys.issue(name="gateway", scopes=scopes, organization_id=organization_id)
        return self.client.as_(issued.secret), issued.key.key_id


@pytest.fixture(scope="module")
def api(tmp_path_factory, databases, redis_url) -> Iterator[MeteredApi]:
    with Redis.from_url(redis_url) as client:
        client.flushall()
    with databases.migrated(with_read_models=True) as url:
        world = UsageWorld(sandbox(tmp_path_factory.mktemp("usage"), url, redis_url))
        world.services.passwords = Passwords(memory_kib=64, passes=1)
        world.services.signing.ensure(world.now())
        world.services.api_keys.ensure_admin_key(world.settings.admin_key)
        client = Client(create_app(world.services), run=world.run)
        yield MeteredApi(world, client, client.as_(world.settings.admin_key))
        world.close()


def record(**facts: Any) -> dict[str, Any]:
    """A record of one call, with an id of its own."""
    return {"id": uuid4().hex, "meter": "calls", "quantity": 1, **facts}
