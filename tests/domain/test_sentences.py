from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.seat import CloseReason, Seat
from domain.sentences import SENTENCES, sentence_of
from domain.standing import PaymentStanding, Standing
from tests.stored_events.samples import decoded, event_classes, samples

SAMPLES = samples()


def said(topic: str, **changes: object) -> str:
    """The sentence about the frozen sample, or about one that differs in `changes`."""
    return sentence_of(replace(decoded(topic, SAMPLES[topic]), **changes))  # type: ignore[type-var]


def test_every_kind_of_event_has_a_sentence_and_no_sentence_is_left_over():
    assert set(SENTENCES) == set(event_classes().values())


@pytest.mark.parametrize("topic", sorted(SAMPLES))
def test_a_sentence_reads_like_one(topic):
    sentence = said(topic)
    assert sentence[0].isupper()
    assert not sentence.endswith(".")
    assert "\n" not in sentence and "None" not in sentence and "  " not in sentence


@pytest.mark.parametrize(
    ("topic", "sentence"),
    [
        (
            "license.issued",
            "Licence CODI-…-7K2QX was issued: 3 seats of plan pro (version 3), until 3 March 2027 10:00 UTC",
        ),
        ("license.grace_opened", "Payment attempt 2 failed; the licence works until 3 March 2027 10:00 UTC"),
        ("license.payment_suspended", "A payment was disputed; the licence was suspended"),
        ("license.suspended", "The vendor suspended the licence: asked for by the customer"),
        ("seat.session_opened", "Seat 3 of licence …00000001 was taken"),
        ("subscription.status_changed", "The subscription is past due now"),
        ("invoice.reported", "Invoice A-17 was reported as open: 34.51 USD, 0.00 USD of it paid"),
        ("provider_event.received", "Stripe reported invoice.paid (evt_1A)"),
        ("provider_event.deferred", "The report waits for subscription sub_1A, which is not known yet"),
        ("provider_event.processed", "The report was processed; it touched 1 object"),
    ],
)
def test_a_sentence_says_what_happened(topic, sentence):
    assert said(topic) == sentence


@pytest.mark.parametrize("reason", CloseReason)
def test_a_closed_seat_says_why(reason):
    sentence = said("seat.session_closed", reason=reason, note="moved to another desk")
    assert sentence.startswith("Seat 3 of licence …00000001 ")
    assert sentence.endswith(" (moved to another desk)")
    assert len({said("seat.session_closed", reason=each) for each in CloseReason}) == len(CloseReason)


@pytest.mark.parametrize(
    ("topic", "changes", "sentence"),
    [
        ("license.renewed", {"expires_at": None}, "The licence is paid and runs without an end"),
        ("subscription.trial_set", {"trial_end": None}, "The trial is off"),
        ("subscription.cancellation_set", {"cancel_at": None}, "The cancellation was taken back"),
        ("subscription.invoice_settled", {"paid_at": None}, "Invoice …00000001 was settled without a payment"),
    ],
)
def test_what_is_absent_is_said_in_words(topic, changes, sentence):
    assert said(topic, **changes) == sentence


def test_a_recovered_payment_of_a_cancelled_subscription_says_when_the_licence_ends():
    until = datetime(2027, 3, 3, 10, tzinfo=UTC)
    cancelled = PaymentStanding(Standing.GOOD, "canceled", until=until)
    assert said("license.payment_recovered", payment=cancelled).endswith("works until 3 March 2027 10:00 UTC")
    assert "in order" in said("license.payment_recovered", payment=PaymentStanding(Standing.GOOD))


def test_a_time_is_said_in_utc_whatever_zone_it_was_stored_in():
    elsewhere = datetime.fromisoformat("2027-03-03T15:30:00+05:30")
    assert said("license.renewed", expires_at=elsewhere).endswith("until 3 March 2027 10:00 UTC")


def test_a_sentence_needs_nothing_but_the_event():
    license_id = UUID("01934a6e-1c00-7000-8000-00000a1b2c3d")
    opened = Seat.SessionOpened.at(
        1,
        license_id=license_id,
        seat=7,
        now=datetime(2027, 1, 1, tzinfo=UTC),
        organization_id=license_id,
        session_id=license_id,
        fingerprint_digest="d" * 43,
        lease_seconds=360,
    )
    assert sentence_of(opened) == "Seat 7 of licence …0a1b2c3d was taken"
