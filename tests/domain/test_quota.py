"""What is noted of a limit in one period, and subjects that become somebody's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from domain.errors import Conflict, InvalidRequest
from domain.limit import Each, LimitPeriod
from domain.meter import Aggregation
from domain.quota import Quota
from domain.usage_subject import UsageSubject

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ACME, GLOBEX = UUID(int=0xAC), UUID(int=0x61)


def quota(aggregation: Aggregation = Aggregation.SUM) -> Quota:
    return Quota.open(
        id=UUID(int=1),
        now=NOW,
        account_id=ACME,
        organization_id=ACME,
        meter="calls",
        aggregation=aggregation,
        per=LimitPeriod.MONTH,
        each=Each.ORGANIZATION,
        of="",
        product="cloud",
        plan="pro",
        hard=True,
        period_start=NOW,
        period_end=None,
    )


def kinds(quota: Quota) -> list[str]:
    return [type(event).__name__ for event in quota.pending_events][1:]


def test_grants_and_resets_add_up():
    noted = quota()
    noted.grant(500, reason="launch", now=NOW)
    noted.grant(100, reason="more", now=NOW)
    noted.reset(Decimal(40), position=7, reason="our mistake", now=NOW)
    noted.reset(Decimal("2.5"), position=9, reason="again", now=NOW)
    assert (noted.granted, noted.forgiven) == (600, Decimal("42.5"))


def test_nothing_is_noted_of_a_reset_when_nothing_is_used():
    noted = quota()
    noted.reset(Decimal(0), position=7, reason="to be sure", now=NOW)
    assert kinds(noted) == []


@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1])
def test_a_grant_has_a_sane_amount_and_a_reason(amount):
    with pytest.raises(InvalidRequest, match="amount"):
        quota().grant(amount, reason="x", now=NOW)
    for act in (
        lambda q: q.grant(1, reason=" ", now=NOW),
        lambda q: q.reset(Decimal(1), position=1, reason="", now=NOW),
    ):
        with pytest.raises(InvalidRequest, match="reason"):
            act(quota())


@pytest.mark.parametrize("aggregation", [Aggregation.MAX, Aggregation.LAST])
def test_a_level_cannot_be_reset(aggregation):
    with pytest.raises(Conflict, match="a level"):
        quota(aggregation).reset(Decimal(1), position=1, reason="x", now=NOW)


def test_a_warning_is_noted_once_and_again_after_a_grant():
    noted = quota()
    for _ in range(2):
        noted.warn(Decimal(80), 100, now=NOW)
    for _ in range(2):
        noted.reach(Decimal(100), 100, now=NOW)
    noted.warn(Decimal(100), 100, now=NOW)
    assert kinds(noted) == ["Warned", "Reached"]
    noted.grant(100, reason="x", now=NOW)
    noted.warn(Decimal(170), 200, now=NOW)
    assert kinds(noted)[2:] == ["Granted", "Warned"]


def test_a_subject_becomes_one_organizations():
    subject = UsageSubject.claim(id=UUID(int=2), organization_id=ACME, now=NOW)
    subject.claim_again(ACME)
    with pytest.raises(Conflict):
        subject.claim_again(GLOBEX)
    assert len(subject.pending_events) == 1
