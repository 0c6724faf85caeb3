"""The page for whoever receives webhooks tells the truth: its examples are made by the code."""

from __future__ import annotations

import json
import re

import pytest

from domain.public_events import MEANINGS
from domain.webhook_delivery import DeliveryState
from tests.webhook_examples.examples import PAGE, example, section


def test_the_page_shows_every_event_as_it_is_sent_today():
    assert section() in PAGE.read_text(), "run: python -m tests.webhook_examples"


def test_every_example_is_json_and_complete():
    shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE.read_text(), re.DOTALL)]
    assert [each["type"] for each in shown] == list(MEANINGS)
    for each in shown:
        assert list(each) == ["id", "type", "occurred_at", "position", "replay_id", "data"]
        assert each["data"] and each["occurred_at"].endswith("Z")


@pytest.mark.parametrize("name", MEANINGS)
def test_an_example_says_nothing_secret(name):
    """Of keys there is a hint or a prefix; digests are those of machines alone."""
    said = json.dumps(example(name)["data"]).replace('"former_secret_until"', "")  # a time
    for word in ("secret", "email", '"digest"', "key_digest", "url", "holder", "return_key"):
        assert word not in said


def test_the_page_names_every_state_of_a_delivery():
    page = PAGE.read_text()
    assert all(f"`{state}`" in page for state in DeliveryState)
