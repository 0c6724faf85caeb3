"""An organization begins, may be renamed, and may turn out to be part of another."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.organization import Organization

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID, OTHER = UUID(int=1), UUID(int=2)


def facts(organization: Organization) -> list[str]:
    return [type(event).__name__ for event in organization.pending_events]


def test_one_that_registers_begins_without_any_name_in_the_log() -> None:
    organization = Organization.register(id=ID, now=NOW)
    assert organization.collect_events() == [Organization.Registered(ID, 1, NOW, "organization")]


def test_one_that_is_made_for_a_customer_says_for_whom() -> None:
    organization = Organization.adopt(id=ID, provider="stripe", customer="cus_1", now=NOW)
    assert organization.collect_events() == [Organization.Adopted(ID, 1, NOW, "organization", "stripe", "cus_1")]


def test_a_new_name_is_recorded_without_the_name() -> None:
    organization = Organization.register(id=ID, now=NOW)
    organization.rename(now=NOW)
    assert organization.collect_events()[1:] == [Organization.Renamed(ID, 2, NOW)]


def test_it_is_never_merged_into_itself() -> None:
    organization = Organization.register(id=ID, now=NOW)
    organization.merge(into=ID, now=NOW)
    assert facts(organization) == ["Registered"]


class AnyMerges(RuleBasedStateMachine):
    """The first merge stands."""

    def __init__(self) -> None:
        super().__init__()
        self.organization = Organization.adopt(id=ID, provider="stripe", customer="cus_1", now=NOW)
        self.first: UUID | None = None

    @rule(into=some.sampled_from([ID, OTHER, UUID(int=3)]))
    def merge(self, into: UUID) -> None:
        self.organization.merge(into=into, now=NOW)
        self.first = self.first or (into if into != ID else None)

    @invariant()
    def the_first_merge_stands(self) -> None:
        assert self.organization.merged_into == self.first
        assert facts(self.organization).count("Merged") == (self.first is not None)


TestAnyMerges = AnyMerges.TestCase
TestAnyMerges.settings = settings(max_examples=30, stateful_step_count=10, deadline=None)
