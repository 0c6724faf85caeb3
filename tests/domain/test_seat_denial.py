from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.seat_access import Bidder
from domain.seat_denial import Denial, SeatDenial
from domain.sentences import sentence_of

LICENSE, OWNER = UUID(int=1), UUID(int=2)
MINUTE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MACHINE = Bidder("the digest of a machine")


def denied(now: datetime, license_id: UUID = LICENSE, holder: str = MACHINE.machine, reason=Denial.EXHAUSTED):
    return SeatDenial.note(license_id, OWNER, MACHINE, holder, reason, limit=3, used=3, now=now)


def test_all_denials_of_a_minute_are_one_stream():
    assert denied(MINUTE).id == denied(MINUTE + timedelta(seconds=59.999)).id


@pytest.mark.parametrize(
    "other",
    [
        denied(MINUTE + timedelta(minutes=1)),
        denied(MINUTE - timedelta(seconds=1)),
        denied(MINUTE, reason=Denial.USER),
        denied(MINUTE, holder="a person"),
        denied(MINUTE, license_id=UUID(int=9)),
    ],
    ids=["later", "earlier", "reason", "holder", "licence"],
)
def test_whatever_differs_is_another_stream(other):
    assert other.id != denied(MINUTE).id


def test_a_machine_that_would_hold_the_seat_itself_is_named_once():
    assert (denied(MINUTE).holder, denied(MINUTE, holder="a person").holder) == ("", "a person")
    assert denied(MINUTE).fingerprint_digest == MACHINE.machine


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Denial.EXHAUSTED, "all its seats are taken (3)"),
        (Denial.USER, "its user holds as many as one may (3)"),
        (Denial.GROUP, "its group holds as many as it may (3)"),
        (Denial.RESERVED, "the free seats are reserved for others"),
        (Denial.QUEUE, "others wait for a seat"),
        (Denial.BORROWED, "as many seats are away as may be (3)"),
        (Denial.NOT_ALLOWED, "the rules leave it out"),
        (Denial.SUSPENDED, "the licence is suspended"),
        (Denial.EXPIRED, "the licence has expired"),
        (Denial.REVOKED, "the licence was revoked"),
    ],
)
def test_the_sentence_says_why(reason, words):
    (event,) = denied(MINUTE, reason=reason).pending_events
    assert sentence_of(event) == f"Machine the dige… got no seat of licence …00000001: {words}"
