"""An engine that tells outsiders of facts: follower, feeds and courier as the processes run them, by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from adapters.bootstrap import Services
from adapters.webhook_delivery_log import LoggedDelivery
from application.webhook_endpoints import NewEndpointSecret
from domain.organization import Organization
from projections.follower import Followers, connect
from projections.positions import register
from projections.webhook_feeds import Owner


class Outbound:
    """`chance` is what the courier draws: 1 makes every pause as long as its ceiling."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.chance = 1.0
        services.webhook_courier._chance = lambda: self.chance
        self._feeds = services.webhook_feeds()

    def organization(self) -> UUID:
        organization = Organization.register(id=self.services.clock.new_id(), now=self.services.clock.now())
        self.services.store.add(organization)
        return organization.id

    def endpoint(self, url: str, *types: str, owner: UUID | None = None) -> NewEndpointSecret:
        made = self.services.webhook_endpoints.add(owner, url=url, types=types or ("*",))
        self.follow()
        return made

    def follow(self) -> None:
        """What the dispatcher does."""
        with connect(self.services.settings.database_url) as connection:
            followers = Followers(self.services.database.url, self.services.codec.to_domain_event, [self._feeds])
            register(connection, [self._feeds])
            followers.catch_up(connection)
            failed = connection.execute("select error from follower_positions where error is not null").fetchall()
        assert failed == []

    def bring_on(self) -> set[Owner]:
        """What the scheduler does once a second."""
        with self.services.database.connection() as connection:
            return self._feeds.bring_on(connection)

    def deliver(self, *endpoints: UUID) -> None:
        """What a worker does with everything that is due now."""
        if not endpoints:
            due = self.services.webhook_deliveries.due_endpoints(self.services.clock.now(), 100)
            endpoints = tuple(endpoint for endpoint, _ in due)
        for endpoint in endpoints:
            while self.services.webhook_courier.run(endpoint):
                pass

    def settle(self) -> None:
        """Follows, brings on and delivers until nothing is left to be done now."""
        self.follow()
        self.bring_on()
        self.deliver()

    def pass_time(self, **time: float) -> None:
        """Without waiting for the other processes, of which there are none."""
        clock: Any = self.services.clock
        self.services.database.execute("update sandbox_clock set ahead = ahead + %s", (timedelta(**time),))
        clock._offset = clock._stored_offset()

    def deliveries(self, **conditions: Any) -> list[LoggedDelivery]:
        """Oldest first."""
        return self.services.webhook_delivery_log.list(limit=1_000, **conditions)[::-1]

    def states(self, **conditions: Any) -> list[str]:
        return [each.state.value for each in self.deliveries(**conditions)]
