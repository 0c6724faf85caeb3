"""What lost webhooks left behind is found and made up for; what is so already is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from application.subscription_changes import Wish
from domain.drift import Outcome, Run, What
from domain.errors import Conflict
from domain.ids import invoice_id_for, license_id_for, subscription_id_for
from domain.invoice import Invoice
from domain.license import License, Status
from domain.provider_facts import InvoiceStatus
from domain.subscription import Subscription
from tests.buying_world import Vendor, selling

DAY = timedelta(days=1)
MONTH = timedelta(days=31)
CHORE = {"every": timedelta(minutes=5), "objects_every": DAY, "grace": timedelta(minutes=5), "calls": 60}


@pytest.fixture
def vendor(services) -> Iterator[Vendor]:
    with selling(services) as vendor:
        yield vendor


def reconcile(vendor: Vendor, **options) -> Run:
    assert vendor.services.reconciliation is not None
    return vendor.services.reconciliation.run(**options)


def life(vendor: Vendor, *, deliver: bool = True) -> str:
    """A purchase, a renewal, a failed one that is paid later, a refund, a dispute and a cancellation; Stripe's name."""
    organization_id = vendor.organization()
    reference = vendor.pay(vendor.checkout(organization_id))
    account = vendor.account
    account.advance(MONTH)
    account.change_quantity(reference, 2)
    account.fail_renewal(reference)
    behind = account.retrieve("subscription", reference)["latest_invoice"]
    account.fail_again(behind)
    account.pay(behind)
    paid = next(invoice for invoice in vendor.invoices() if invoice["amount_paid"])
    account.refund(paid["id"])
    account.advance(DAY)
    account.cancel(reference, at_period_end=False)
    if deliver:
        vendor.deliver()
    return reference


def log_length(vendor: Vendor) -> int:
    found = vendor.services.database.fetch_one("select count(*) as n from stored_events")
    return found["n"] if found else 0


def test_after_a_life_that_was_told_whole_nothing_differs(vendor):
    life(vendor)
    length = log_length(vendor)
    run = reconcile(vendor)
    assert (run.outcome, run.drift) == (Outcome.COMPLETE, ())
    assert run.events > 20 and run.objects > 10
    assert log_length(vendor) == length, "and nothing is written about that"


def test_webhooks_that_never_came_are_taken_in_as_if_they_had(vendor):
    reference = life(vendor, deliver=False)
    found = reconcile(vendor, dry_run=True)
    assert {each.what for each in found.drift} == {What.MISSED, What.MISSING} and found.repaired == 0
    assert vendor.services.store.find(Subscription, subscription_id_for("stripe", reference)) is None
    run = reconcile(vendor)
    assert run.left == 0 and run.repaired > 20
    license = vendor.services.store.fetch(License, license_id_for(subscription_id_for("stripe", reference)))
    assert license.status(vendor.now) is Status.REVOKED
    assert reconcile(vendor).drift == ()


def test_what_is_older_than_the_events_list_is_found_by_its_objects(vendor):
    reference = vendor.pay(vendor.checkout(vendor.organization()))
    vendor.forget_deliveries()
    vendor.account.advance(timedelta(days=29))
    vendor.account.advance(timedelta(days=31 + 31 - 29))
    vendor.account.advance(timedelta(days=31))
    vendor.forget_deliveries()
    seen = reconcile(vendor, since=vendor.now - timedelta(minutes=1), dry_run=True)
    assert {(each.kind, each.what) for each in seen.drift} >= {
        ("subscription", What.MISSING),
        ("invoice", What.MISSING),
    }
    run = reconcile(vendor, since=vendor.now - timedelta(minutes=1))
    assert run.left == 0
    subscription = vendor.subscription(subscription_id_for("stripe", reference))
    assert subscription.terms.period_end > vendor.now
    for invoice in vendor.invoices():
        known = vendor.services.store.fetch(Invoice, invoice_id_for("stripe", invoice["id"]))
        assert known.status is InvoiceStatus(invoice["status"])
    assert reconcile(vendor).left == 0


def test_one_lost_change_differs_by_name(vendor):
    pro = vendor.sell(vendor.organization())
    vendor.account.advance(40 * DAY)
    vendor.deliver()
    vendor.account.change_quantity(vendor.subscription(pro).provider_id, 3)
    vendor.forget_deliveries()
    vendor.account.advance(timedelta(hours=1))
    run = reconcile(vendor, dry_run=True, since=vendor.now)
    (drift,) = [each for each in run.drift if each.kind == "subscription"]
    assert drift.what is What.DIFFERS and "subscription.terms" in drift.fields and "license.terms" in drift.fields
    reconcile(vendor, since=vendor.now)
    assert vendor.license(pro).terms.seats == 30


def test_what_is_young_is_left_to_its_webhook(vendor):
    pro = vendor.sell(vendor.organization())
    vendor.account.advance(DAY)
    reconcile(vendor)
    vendor.account.change_quantity(vendor.subscription(pro).provider_id, 3)
    vendor.forget_deliveries()
    grace = timedelta(minutes=5)
    assert reconcile(vendor, grace=grace).drift == ()
    vendor.account.advance(timedelta(minutes=6))
    assert reconcile(vendor, grace=grace).repaired > 0
    assert vendor.license(pro).terms.seats == 30


def test_few_calls_at_a_time_come_to_the_same_and_survive_restarts(vendor, services):
    for number in range(3):
        vendor.pay(vendor.checkout(vendor.organization(email=f"buyer{number}@example.com")))
    vendor.forget_deliveries()
    runs = []
    while not runs or runs[-1].outcome is Outcome.STOPPED:
        vars(services).pop("reconciliation", None)  # another process goes on
        runs.append(reconcile(vendor, calls=2))
        assert len(runs) < 50
    assert len(runs) > 3 and sum(run.left for run in runs) == 0
    assert reconcile(vendor).drift == ()


def test_while_stripe_is_away_it_stops_and_waits_as_long_as_it_is_told(vendor):
    vendor.sell(vendor.organization())
    vendor.faults.add("rate_limit", method="GET")
    run = vendor.services.reconciliation.run_if_due(**CHORE)
    assert run is not None and (run.outcome, run.problem) == (Outcome.STOPPED, "provider_unavailable")
    vendor.faults.clear()
    assert vendor.services.reconciliation.run_if_due(**CHORE) is None
    vendor.account.advance(timedelta(minutes=6))
    done = vendor.services.reconciliation.run_if_due(**CHORE)
    assert done is not None and done.outcome is Outcome.COMPLETE
    assert vendor.services.reconciliation.run_if_due(**CHORE) is None, "the next look is due in five minutes"
    vendor.account.advance(timedelta(minutes=6))
    later = vendor.services.reconciliation.run_if_due(**CHORE)
    assert later is not None and later.objects == 0, "and all objects once a day"


def test_one_at_a_time_and_the_claim_of_a_dead_one_falls(vendor, services):
    services.reconciliation_records.claim("stripe", UUID(int=1))
    with pytest.raises(Conflict):
        reconcile(vendor)
    services.database.execute("update reconciliation_places set claimed_until = now() - interval '1 second'")
    assert reconcile(vendor).outcome is Outcome.COMPLETE


def test_what_cannot_be_taken_in_is_told_and_does_not_stop_the_rest(vendor):
    price = vendor.account.price("price_of_another_product", amount=500, lookup_key="somebody-elses")
    customer = vendor.account.post("customers", {"email": "x@example.com"})
    method = vendor.account.post("payment_methods/pm_card_visa/attach", {"customer": customer["id"]})
    vendor.account.post(
        "subscriptions",
        {
            "customer": customer["id"],
            "items": [{"price": "price_of_another_product"}],
            "default_payment_method": method["id"],
        },
    )
    vendor.forget_deliveries()
    pro = vendor.sell(vendor.organization())
    vendor.services.subscription_changes.change(pro, Wish(seats=20))
    vendor.forget_deliveries()
    run = reconcile(vendor)
    assert run.outcome is Outcome.COMPLETE and price
    assert any(each.problem for each in run.drift if each.kind == "subscription")
    assert vendor.license(pro).terms.seats == 20
