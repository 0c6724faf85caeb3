"""What was stored once must decode for ever, and be written today as it was written then."""

from __future__ import annotations

import json

import pytest

from adapters.event_codec import EventCodec
from tests.stored_events.samples import decoded, event_classes, samples

SAMPLES = samples()


def test_every_kind_of_event_has_a_frozen_sample():
    assert set(event_classes()) - set(SAMPLES) == set(), "run: python -m tests.stored_events"


def test_no_stored_event_was_forgotten_by_the_domain():
    assert set(SAMPLES) - set(event_classes()) == set()


@pytest.mark.parametrize("topic", sorted(SAMPLES))
def test_a_sample_decodes_to_its_class_and_encodes_as_it_was(topic):
    event = decoded(topic, SAMPLES[topic])
    assert type(event) is event_classes()[topic]
    assert json.loads(EventCodec().to_stored_event(event).state) == SAMPLES[topic]
