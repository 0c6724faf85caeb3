"""An organization and the customers that it is at payment providers."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.organization import Customer, Organization

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = UUID(int=1)
STRIPE = Customer("stripe", "cus_1")


def facts(organization: Organization) -> list[str]:
    return [type(event).__name__ for event in organization.collect_events()]


def test_an_organization_that_registers_is_no_customer_yet() -> None:
    organization = Organization.register(id=ID, now=NOW)
    assert organization.collect_events() == [Organization.Registered(ID, 1, NOW, "organization")]
    assert organization.customers == frozenset()


def test_an_organization_made_from_a_customer_is_that_customer() -> None:
    organization = Organization.adopt(id=ID, customer=STRIPE, now=NOW)
    assert organization.collect_events() == [Organization.Adopted(ID, 1, NOW, "organization", "stripe", "cus_1")]
    organization.link_customer(STRIPE, now=NOW)
    assert facts(organization) == []


def test_linking_twice_and_unlinking_twice_are_recorded_once() -> None:
    organization = Organization.register(id=ID, now=NOW)
    organization.link_customer(STRIPE, now=NOW)
    organization.link_customer(STRIPE, now=NOW)
    assert organization.customers == {STRIPE}
    organization.unlink_customer(STRIPE, now=NOW)
    organization.unlink_customer(STRIPE, now=NOW)
    assert organization.customers == frozenset()
    assert facts(organization) == ["Registered", "CustomerLinked", "CustomerUnlinked"]


def test_the_same_number_at_another_provider_is_another_customer() -> None:
    organization = Organization.adopt(id=ID, customer=STRIPE, now=NOW)
    organization.unlink_customer(Customer("lemonsqueezy", "cus_1"), now=NOW)
    assert organization.customers == {STRIPE}


def test_a_new_name_is_recorded_without_the_name() -> None:
    organization = Organization.register(id=ID, now=NOW)
    organization.rename(now=NOW)
    assert organization.collect_events()[1:] == [Organization.Renamed(ID, 2, NOW)]


CUSTOMERS = some.builds(Customer, some.sampled_from(["stripe", "phonepe"]), some.sampled_from(["a", "b", "c"]))


class CustomerMachine(RuleBasedStateMachine):
    """Links and unlinks in any order: the set is what a plain set would be, and so is the folded history."""

    def __init__(self) -> None:
        super().__init__()
        self.organization = Organization.register(id=ID, now=NOW)
        self.history = list(self.organization.collect_events())
        self.expected: set[Customer] = set()

    @rule(customer=CUSTOMERS)
    def links(self, customer: Customer) -> None:
        known = customer in self.expected
        self.organization.link_customer(customer, now=NOW)
        self.expected.add(customer)
        self.note(0 if known else 1)

    @rule(customer=CUSTOMERS)
    def unlinks(self, customer: Customer) -> None:
        known = customer in self.expected
        self.organization.unlink_customer(customer, now=NOW)
        self.expected.discard(customer)
        self.note(1 if known else 0)

    def note(self, expected_events: int) -> None:
        new = self.organization.collect_events()
        assert len(new) == expected_events
        self.history += new

    @invariant()
    def it_is_the_customers_it_was_linked_to(self) -> None:
        folded = None
        for event in self.history:
            folded = event.mutate(folded)
        assert folded == self.organization
        assert self.organization.customers == self.expected


TestCustomerMachine = CustomerMachine.TestCase
