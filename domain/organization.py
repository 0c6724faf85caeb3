"""Who buys: the owner of subscriptions, licences and invoices."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.aggregate import Aggregate, Created


class Customer(NamedTuple):
    """How a payment provider calls an organization, e.g. ("stripe", "cus_1A…")."""

    provider: str
    id: str


class Organization(Aggregate):
    """A company or a person that buys; its name and address live in `organization_contacts`, never here.

    One organization can be several customers of a provider: a payment link makes a new one each time.
    """

    TOPIC = "organization"

    if TYPE_CHECKING:
        customers: frozenset[Customer]

    @classmethod
    def register(cls, *, id: UUID, now: datetime) -> Organization:
        """Made by a person who registers."""
        return cls.begin(cls.Registered, id=id, now=now)

    @classmethod
    def adopt(cls, *, id: UUID, customer: Customer, now: datetime) -> Organization:
        """Made from a provider's customer that nobody here knows."""
        return cls.begin(cls.Adopted, id=id, now=now, provider=customer.provider, customer_id=customer.id)

    def link_customer(self, customer: Customer, *, now: datetime) -> None:
        if customer not in self.customers:
            self.record(self.CustomerLinked, now=now, provider=customer.provider, customer_id=customer.id)

    def unlink_customer(self, customer: Customer, *, now: datetime) -> None:
        """The provider deleted the customer, or it turned out to be another organization's."""
        if customer in self.customers:
            self.record(self.CustomerUnlinked, now=now, provider=customer.provider, customer_id=customer.id)

    def rename(self, *, now: datetime) -> None:
        """The name itself may be a person's and stays out of the log."""
        self.record(self.Renamed, now=now)

    class Registered(Created):
        TOPIC = "organization.registered"

        def apply(self, organization: Organization) -> None:
            organization.customers = frozenset()

    class Adopted(Created):
        TOPIC = "organization.adopted"
        provider: str
        customer_id: str

        def apply(self, organization: Organization) -> None:
            organization.customers = frozenset({Customer(self.provider, self.customer_id)})

    class CustomerLinked(Aggregate.Event):
        TOPIC = "organization.customer_linked"
        provider: str
        customer_id: str

        def apply(self, organization: Organization) -> None:
            organization.customers |= {Customer(self.provider, self.customer_id)}

    class CustomerUnlinked(Aggregate.Event):
        TOPIC = "organization.customer_unlinked"
        provider: str
        customer_id: str

        def apply(self, organization: Organization) -> None:
            organization.customers -= {Customer(self.provider, self.customer_id)}

    class Renamed(Aggregate.Event):
        TOPIC = "organization.renamed"
