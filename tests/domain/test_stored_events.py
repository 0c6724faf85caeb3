"""What was stored once must decode for ever, and be written today as it was written then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stored_events.samples import decoded, encoded, event_classes, newest, samples, topic_of

SAMPLES = samples()
NEWEST = newest()


def test_every_kind_of_event_has_a_frozen_sample():
    assert set(event_classes()) - set(NEWEST) == set(), "run: python -m tests.stored_events"


def test_no_stored_event_was_forgotten_by_the_domain():
    assert set(NEWEST) - set(event_classes()) == set()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_decodes_to_its_class_and_loses_nothing_when_it_is_written_again(name):
    event = decoded(name, SAMPLES[name])
    assert type(event) is event_classes()[topic_of(name)]
    assert decoded(name, encoded(event)) == event
    assert_kept(SAMPLES[name], encoded(event))


@pytest.mark.parametrize("topic", sorted(NEWEST))
def test_the_newest_sample_of_an_event_is_written_today_as_it_was(topic):
    sample = SAMPLES[NEWEST[topic]]
    assert encoded(decoded(topic, sample)) == sample, "run: python -m tests.stored_events"


def assert_kept(before: Any, after: Any) -> None:
    """`after` says all that `before` says; it may have more fields, not more entries."""
    if isinstance(before, dict):
        for field, value in before.items():
            assert_kept(value, after[field])
    elif isinstance(before, list):
        for one, other in zip(before, after, strict=True):
            assert_kept(one, other)
    else:
        assert type(after) is type(before) and after == before
