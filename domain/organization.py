"""Who buys: the owner of subscriptions, licences and invoices."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.counting import check_zone
from domain.problems import refuse


class Organization(Aggregate):
    """A company or a person that buys; its name and address live in `organization_contacts`, never here.

    Through which customers of a payment provider it pays is known by the `BillingAccount`s.
    """

    TOPIC = "organization"

    if TYPE_CHECKING:
        adopted_from: tuple[str, str] | None  # the provider and its customer
        merged_into: UUID | None
        time_zone: str  # whose days and months limits follow

    @classmethod
    def register(cls, *, id: UUID, now: datetime) -> Organization:
        """Made by a person who registers."""
        return cls.begin(cls.Registered, id=id, now=now)

    @classmethod
    def adopt(cls, *, id: UUID, provider: str, customer: str, now: datetime) -> Organization:
        """Made for a provider's customer that nobody here knows."""
        return cls.begin(cls.Adopted, id=id, now=now, provider=provider, customer=customer)

    def rename(self, *, now: datetime) -> None:
        """The name itself may be a person's and stays out of the log."""
        self.record(self.Renamed, now=now)

    def merge(self, *, into: UUID, now: datetime) -> None:
        """It was made for a customer that turned out to be `into`'s; all it had moves there."""
        if self.merged_into is None and into != self.id:
            self.record(self.Merged, now=now, into=into)

    def set_time_zone(self, time_zone: str, *, now: datetime) -> None:
        """A name of the IANA database, e.g. `Europe/Berlin`; `InvalidRequest` for another."""
        refuse(check_zone("time_zone", time_zone))
        if time_zone != self.time_zone:
            self.record(self.TimeZoneSet, now=now, time_zone=time_zone)

    class Registered(Created):
        TOPIC = "organization.registered"

        def apply(self, organization: Organization) -> None:
            organization.adopted_from = None
            organization.merged_into = None
            organization.time_zone = "UTC"

    class Adopted(Created):
        TOPIC = "organization.adopted"
        provider: str
        customer: str

        def apply(self, organization: Organization) -> None:
            organization.adopted_from = (self.provider, self.customer)
            organization.merged_into = None
            organization.time_zone = "UTC"

    class Merged(Aggregate.Event):
        TOPIC = "organization.merged"
        into: UUID

        def apply(self, organization: Organization) -> None:
            organization.merged_into = self.into

    class Renamed(Aggregate.Event):
        TOPIC = "organization.renamed"

    class TimeZoneSet(Aggregate.Event):
        TOPIC = "organization.time_zone_set"
        time_zone: str

        def apply(self, organization: Organization) -> None:
            organization.time_zone = self.time_zone
