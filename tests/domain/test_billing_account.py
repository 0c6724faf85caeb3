from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as some

from domain.billing_account import Basis, BillingAccount
from domain.provider_facts import Seen

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MADE, PERSON, NAMED, OTHER = uuid4(), uuid4(), uuid4(), uuid4()


def opened(owner: UUID = MADE, basis: Basis = Basis.DERIVED, linked_at: datetime = NOW) -> BillingAccount:
    return BillingAccount.open(
        provider="stripe", customer="cus_1", organization_id=owner, basis=basis, linked_at=linked_at, now=NOW
    )


def test_a_better_reason_takes_the_account_over():
    account = opened()
    assert account.link(PERSON, basis=Basis.EMAIL, linked_at=NOW, now=NOW)
    assert account.link(NAMED, basis=Basis.EXPLICIT, linked_at=NOW, now=NOW)
    assert account.organization_id == NAMED


def test_a_weaker_reason_changes_nothing():
    account = opened(NAMED, Basis.EXPLICIT)
    assert not account.link(PERSON, basis=Basis.EMAIL, linked_at=NOW - timedelta(days=1), now=NOW)
    assert account.organization_id == NAMED


def test_the_same_owner_for_a_better_reason_is_no_move():
    account = opened(PERSON, Basis.EMAIL)
    assert not account.link(PERSON, basis=Basis.EXPLICIT, linked_at=NOW, now=NOW)
    assert account.basis is Basis.EXPLICIT


def test_only_a_newer_address_of_the_customers_own_replaces_the_one_on_file():
    account = opened()

    def learns(is_own: bool, rank: int, event: str) -> bool:
        return account.learn_contact(is_own=is_own, seen=Seen(NOW, rank, event), now=NOW)

    assert learns(False, 5, "evt_1")
    assert not learns(False, 6, "evt_2")
    assert learns(True, 1, "evt_2")
    assert not learns(True, 0, "evt_3")
    assert not learns(False, 9, "evt_9")
    assert learns(True, 1, "evt_3")


def test_what_hangs_on_it_is_counted_once():
    account, subscription, invoice = opened(), uuid4(), uuid4()
    for _ in range(2):
        account.add_subscription(subscription, now=NOW)
        account.add_invoice(invoice, now=NOW)
        account.delete(now=NOW)
    assert (account.subscriptions, account.invoices, account.is_deleted) == ((subscription,), (invoice,), True)
    assert len(account.pending_events) == 4


CLAIMS = [
    (PERSON, Basis.EMAIL, NOW),
    (NAMED, Basis.EXPLICIT, NOW + timedelta(hours=1)),
    (OTHER, Basis.EXPLICIT, NOW + timedelta(hours=2)),
    (MADE, Basis.DERIVED, NOW - timedelta(hours=1)),
]


@given(some.sampled_from(list(permutations(CLAIMS))))
def test_the_owner_is_the_same_whatever_the_order_of_the_claims(claims):
    account = opened(*claims[0])
    for owner, basis, linked_at in claims[1:]:
        account.link(owner, basis=basis, linked_at=linked_at, now=NOW)
    assert account.organization_id == NAMED
