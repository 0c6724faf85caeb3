from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.mail_address import Cause, MailAddress, Suppression, Withheld
from domain.mail_kinds import CHOOSABLE, REMINDERS, MailKind, problems_of_choice

NOW = datetime(2027, 1, 1, tzinfo=UTC)
BOUNCE, COMPLAINT = Suppression(Cause.BOUNCED, "550 5.1.1", uuid4()), Suppression(Cause.COMPLAINED, None, None)


def noted() -> MailAddress:
    return MailAddress.note(uuid4(), now=NOW)


def test_a_suppressed_address_gets_nothing_and_the_first_reason_stands():
    address = noted()
    assert address.withholds(MailKind.RESET_PASSWORD) is None
    address.suppress(BOUNCE, now=NOW)
    address.suppress(COMPLAINT, now=NOW)
    assert address.suppression == BOUNCE
    assert {address.withholds(kind) for kind in MailKind} == {Withheld.SUPPRESSED}
    address.restore(reason="works again", now=NOW)
    address.restore(reason="works again", now=NOW)
    assert {address.withholds(kind) for kind in MailKind} == {None}
    assert len(address.pending_events) == 3


def test_who_wants_no_reminders_gets_everything_else():
    address = noted()
    for _ in range(2):
        address.decline_reminders(now=NOW)
    assert {kind for kind in MailKind if address.withholds(kind)} == REMINDERS
    address.want_reminders(now=NOW)
    assert not any(map(address.withholds, MailKind))
    assert len(address.pending_events) == 3


@pytest.mark.parametrize(
    "kind",
    [
        *(MailKind.INVOICE_ISSUED, MailKind.INVOICE_PAID, MailKind.PAYMENT_FAILED, MailKind.TRIAL_ENDING),
        *(MailKind.LICENSE_ISSUED, MailKind.RESET_PASSWORD, MailKind.LICENSE_SUSPENDED),
    ],
)
def test_what_a_customer_must_hear_cannot_be_unsubscribed(kind):
    assert kind not in REMINDERS


def test_a_vendor_may_leave_out_what_is_not_needed_to_get_in():
    assert list(problems_of_choice("mails", ["subscription_renewed", "renewal_notice"])) == []
    for kind in ("license_issued", "verify_email", "spam"):
        assert [problem.path for problem in problems_of_choice("mails", [kind])] == [f"mails.{kind}"]
    assert frozenset(MailKind) > CHOOSABLE > REMINDERS
