"""What it costs to keep tenants apart: lists with the wall in PostgreSQL and without, and knowing who is a member."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from uuid import UUID

from domain.user import User
from projections.all import read_models
from projections.follower import Followers, connect
from projections.positions import prepare
from scripts.benchmarks.conversations import BASE, repeated, request
from scripts.benchmarks.engine import Installation, Server, serving
from scripts.benchmarks.figures import Effort, Figure, compare
from scripts.benchmarks.load import Load

_ORGANIZATIONS = 50
_LICENSES = 40
_CALLS = 20_000


def tenants(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """A member lists and looks at licences, among those of fifty organizations."""
    user, license_id = _populate(installation, max(2, effort.sessions * _ORGANIZATIONS // 6_000))
    token = installation.services.logins.start(user).access_token
    with serving("engine", installation.settings) as walled, serving("unwalled", installation.settings) as free:
        for name, path in (("tenant-list", "/licenses"), ("tenant-one", f"/licenses/{license_id}")):
            asked = request("GET", f"{BASE}{path}", headers={"Authorization": f"Bearer {token}"})
            loads = [_load(server, asked, effort) for server in (walled, free)]
            figure = compare(name, 0.7, *loads, (walled, free), effort)
            yield replace(figure, unit="of the requests/s without the wall")
    yield _membership(installation, user)


def _populate(installation: Installation, organizations: int) -> tuple[User, UUID]:
    """Organizations with licences, in the read models too; answers a member of one of them, and a licence of it."""
    services = installation.services
    with connect(services.database.url) as connection:
        prepare(connection, read_models())
        for number in range(organizations):
            made = services.users.register(
                email=f"{number}@example.com", password="a long and windy road", full_name="Ann", company_name="Ann Ltd"
            )
            issue = services.licenses.issue
            issued = [issue(made.organization_id, "pro", seats=10, expires_at=None) for _ in range(_LICENSES)]
        followers = Followers(services.database.url, services.codec.to_domain_event, read_models())
        followers.catch_up(connection)
        connection.execute("analyze")
    return services.store.fetch(User, made.user_id), issued[0].license.id


def _load(server: Server, asked: bytes, effort: Effort) -> Load:
    """As many at once as an API process has connections to PostgreSQL."""
    return Load(server.address, [repeated(cycle([asked])) for _ in range(min(effort.connections, 8))])


def _membership(installation: Installation, user: User) -> Figure:
    """What a request of a member costs beside checking its token: remembered, and for comparison asked for."""
    memberships = installation.services.memberships
    of = (memberships.of_user(user.id)[0].organization_id, user.id)
    while memberships.recall_role(*of, otherwise=None) is None:
        memberships.remember_role(*of)
        time.sleep(0.01)
    recalled = _microseconds(lambda: memberships.recall_role(*of, otherwise=None), _CALLS)
    asked = _microseconds(lambda: memberships.role_of(*of), _CALLS // 20)
    return Figure("membership", recalled, "us to recall a role", round(asked, 1), 200, at_most=True)


def _microseconds(act: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times * 1e6
