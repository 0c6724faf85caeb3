"""What outsiders may be told, and how they choose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.api_key import Scope
from domain.errors import InvalidRequest
from domain.invoice import Invoice
from domain.provider_facts import InvoiceStatus, SubscriptionStatus
from domain.public_events import (
    INTERNAL,
    INTERNAL_KINDS,
    MEANINGS,
    MOST_FILTERS,
    PUBLIC,
    checked_filters,
    chooses,
    names_of,
    scopes_of,
    topics_of,
)
from domain.subscription import Subscription
from tests.stored_events.samples import decoded, event_classes, samples


def sample(topic: str, **changes: Any) -> Any:
    event: Any = decoded(topic, samples()[topic])
    return replace(event, **changes)


def test_every_kind_of_event_is_public_or_said_to_be_internal():
    undecided = {
        topic
        for topic, kind in event_classes().items()
        if kind not in PUBLIC and kind not in INTERNAL and topic.split(".")[0] not in INTERNAL_KINDS
    }
    assert undecided == set(), "name them in PUBLIC, or say in INTERNAL that nobody is told"


def test_nothing_is_both_and_nothing_is_left_over():
    assert not set(PUBLIC) & INTERNAL
    assert {told.name for names in PUBLIC.values() for told in names} == set(MEANINGS)
    assert (set(PUBLIC) | INTERNAL) <= set(event_classes().values())


def test_a_name_says_which_kind_of_thing_it_is_about():
    for name in MEANINGS:
        assert scopes_of([name]), name


@pytest.mark.parametrize(
    ("status", "names"),
    [
        (InvoiceStatus.DRAFT, ["invoice.created"]),
        (InvoiceStatus.OPEN, ["invoice.created", "invoice.finalized"]),
        (InvoiceStatus.PAID, ["invoice.created", "invoice.paid"]),
        (InvoiceStatus.VOID, ["invoice.created", "invoice.voided"]),
        (InvoiceStatus.UNCOLLECTIBLE, ["invoice.created", "invoice.uncollectible"]),
    ],
)
def test_an_invoice_that_is_first_heard_of_late_is_told_in_its_state_as_well(status, names):
    assert names_of(sample(Invoice.Reported.TOPIC, status=status)) == names


def test_a_subscription_that_is_canceled_has_ended():
    changed = Subscription.StatusChanged.TOPIC
    assert names_of(sample(changed, status=SubscriptionStatus.PAST_DUE)) == ["subscription.changed"]
    ended = names_of(sample(changed, status=SubscriptionStatus.CANCELED))
    assert ended == ["subscription.changed", "subscription.ended"]


@pytest.mark.parametrize(
    ("filters", "name", "is_chosen"),
    [
        (["license.issued"], "license.issued", True),
        (["license.issued"], "license.revoked", False),
        (["license.*"], "license.machine_activated", True),
        (["license.machine_*"], "license.machine_activated", True),
        (["license.machine_*"], "license.issued", False),
        (["*"], "anything.at_all", True),
        (["invoice.paid", "seat.*"], "seat.denied", True),
        (["license"], "license.issued", False),
    ],
)
def test_a_filter_chooses_a_name_or_what_begins_with_it(filters, name, is_chosen):
    assert chooses(filters, name) is is_chosen


def test_filters_are_kept_once_and_in_order():
    assert checked_filters(["seat.*", "invoice.paid", "seat.*"]) == ("invoice.paid", "seat.*")


@pytest.mark.parametrize("filters", [[], ["licence.issued"], ["license.*", "x*"], ["license.issue"], ["webhook.test"]])
def test_a_filter_that_chooses_nothing_is_refused(filters):
    with pytest.raises(InvalidRequest) as refused:
        checked_filters(filters)
    assert refused.value.details["fields"][0]["field"] == "types"


def test_too_many_filters_are_refused():
    names = sorted(MEANINGS)
    with pytest.raises(InvalidRequest):
        checked_filters([*names[:40], *(f"{name}*" for name in names[:20])])
    assert MOST_FILTERS < 60


def test_to_be_told_takes_the_right_to_read():
    assert scopes_of(["license.*", "seat.denied"]) == {Scope.LICENSES_READ}
    assert scopes_of(["invoice.paid"]) == {Scope.INVOICES_READ}
    assert scopes_of(["*"]) >= {
        *(Scope.LICENSES_READ, Scope.SUBSCRIPTIONS_READ, Scope.INVOICES_READ),
        *(Scope.API_KEYS, Scope.WEBHOOKS),
    }


def test_the_stored_kinds_behind_a_filter_are_known():
    assert topics_of(["invoice.paid"]) == {"invoice.paid", "invoice.reported"}
    assert "license.payment_suspended" in topics_of(["license.suspended"])
