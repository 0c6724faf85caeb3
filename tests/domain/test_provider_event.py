from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.ids import provider_event_id
from domain.provider_event import ProviderEvent, Status

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def received() -> ProviderEvent:
    return ProviderEvent.receive(provider="stripe", event="evt_1", type="invoice.paid", occurred_at=NOW, now=NOW)


def facts(event: ProviderEvent) -> list[str]:
    return [type(each).__name__ for each in event.pending_events]


def test_its_stream_is_derived_from_the_providers_event_id():
    assert received().id == received().id == provider_event_id("stripe", "evt_1")


def test_it_is_processed_once():
    event = received()
    event.process(consequences=(uuid4(),), now=NOW)
    event.process(consequences=(), now=NOW)
    assert facts(event) == ["Received", "Processed"]


def test_waiting_for_the_same_thing_again_is_no_news():
    event = received()
    event.defer(waiting_for="subscription/sub_1", now=NOW)
    event.defer(waiting_for="subscription/sub_1", now=NOW)
    event.defer(waiting_for="price/price_1", now=NOW)
    assert facts(event) == ["Received", "Deferred", "Deferred"]
    assert event.waiting_for == "price/price_1"


def test_a_deferred_event_can_still_be_processed():
    event = received()
    event.defer(waiting_for="subscription/sub_1", now=NOW)
    event.process(consequences=(), now=NOW)
    assert (event.status, event.waiting_for) == (Status.PROCESSED, None)


def test_a_failed_event_can_be_tried_again():
    event = received()
    event.fail(error="KeyError", now=NOW)
    event.retry(now=NOW)
    assert event.status is Status.RECEIVED


def test_an_ignored_event_can_be_tried_again_once_its_kind_is_known():
    event = received()
    event.ignore(reason="unknown", now=NOW)
    event.retry(now=NOW)
    event.process(consequences=(), now=NOW)
    assert event.status is Status.PROCESSED


class AnyOrderOfHandling(RuleBasedStateMachine):
    """Whatever workers do, in whatever order: what is processed stays processed."""

    def __init__(self) -> None:
        super().__init__()
        self.event = received()
        self.was_processed = False

    @rule(waiting_for=some.sampled_from(["subscription/a", "subscription/b"]))
    def defer(self, waiting_for: str) -> None:
        self.event.defer(waiting_for=waiting_for, now=NOW)

    @rule()
    def process(self) -> None:
        self.event.process(consequences=(), now=NOW)
        self.was_processed = self.was_processed or self.event.status is Status.PROCESSED

    @rule()
    def ignore(self) -> None:
        self.event.ignore(reason="x", now=NOW)

    @rule()
    def fail(self) -> None:
        self.event.fail(error="X", now=NOW)

    @rule()
    def retry(self) -> None:
        self.event.retry(now=NOW)

    @invariant()
    def processed_is_final(self) -> None:
        assert not self.was_processed or self.event.status is Status.PROCESSED

    @invariant()
    def it_is_processed_at_most_once(self) -> None:
        assert facts(self.event).count("Processed") <= 1

    @invariant()
    def only_a_deferred_event_waits(self) -> None:
        assert (self.event.waiting_for is not None) == (self.event.status is Status.DEFERRED)

    @invariant()
    def only_what_went_wrong_or_nowhere_has_a_problem(self) -> None:
        assert (self.event.problem is not None) == (self.event.status in (Status.IGNORED, Status.FAILED))


TestAnyOrderOfHandling = AnyOrderOfHandling.TestCase
TestAnyOrderOfHandling.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
