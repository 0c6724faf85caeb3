from __future__ import annotations

from uuid import uuid4

from domain.license import License
from domain.seat import CloseReason, Seat
from projections.seats import list_sessions, occupied, seats_used
from tests.projections.followed import ACME, DAY, GLOBEX, NOW


def close(followed, seat: Seat, reason: CloseReason = CloseReason.RELEASED) -> None:
    session = followed.store.fetch(Seat, seat.id).session_id
    followed.store.change(Seat, seat.id, lambda each: each.close(session_id=session, reason=reason, now=NOW + DAY))


def reopen(followed, seat: Seat) -> None:
    facts = {"session_id": uuid4(), "fingerprint_digest": "e" * 64, "lease_seconds": 360}
    followed.store.change(Seat, seat.id, lambda each: each.open(**facts, now=NOW + DAY))


def taken(followed, license: License) -> int:
    return followed.fetch("select taken from seats_taken where license_id = %s", license.id)[0][0]


def test_a_seat_that_changed_hands_within_one_batch_is_taken_once(followed):
    license = followed.license()
    seat = followed.sit(license)
    for _ in range(20):
        close(followed, seat)
        reopen(followed, seat)
    followed.follow()
    assert taken(followed, license) == seats_used(followed.connection, license.id) == 1
    assert occupied(followed.connection) == [license.id]
    assert len(list_sessions(followed.connection, license.id, limit=100, state="open")) == 1
    assert len(list_sessions(followed.connection, license.id, limit=100, state="closed")) == 20


def test_what_comes_batch_by_batch_ends_as_what_comes_at_once(followed):
    license = followed.license()
    seat = followed.sit(license)
    followed.follow()
    assert taken(followed, license) == 1
    close(followed, seat)
    followed.follow()
    assert taken(followed, license) == seats_used(followed.connection, license.id) == 0
    assert occupied(followed.connection) == []
    (session,) = list_sessions(followed.connection, license.id, limit=9)
    assert (session["closed_at"], session["reason"]) == (NOW + DAY, "released")


def test_sessions_come_newest_first_and_in_pages(followed):
    license = followed.license()
    seats = [followed.sit(license, number) for number in (1, 2, 3)]
    followed.follow()
    first = list_sessions(followed.connection, license.id, limit=2)
    rest = list_sessions(followed.connection, license.id, limit=2, after=first[-1]["position"])
    assert [row["session_id"] for row in first + rest] == [seat.session_id for seat in reversed(seats)]


def test_a_session_shows_who_opened_it_until_that_is_erased(followed):
    license = followed.license()
    seat = followed.sit(license)
    followed.connection.execute(
        "insert into session_callers (session_id, license_id, organization_id, seat, opened_at, hostname, address)"
        " values (%s, %s, %s, 1, %s, 'ada-laptop', '198.51.100.7')",
        (seat.session_id, license.id, ACME, NOW),
    )
    followed.follow()
    (session,) = list_sessions(followed.connection, license.id, limit=9)
    assert (session["hostname"], session["address"]) == ("ada-laptop", "198.51.100.7")
    followed.connection.execute("delete from session_callers")
    (session,) = list_sessions(followed.connection, license.id, limit=9)
    assert (session["session_id"], session["hostname"]) == (seat.session_id, None)


def test_sessions_are_seen_by_whom_the_licence_belongs_to_now(followed):
    license = followed.license(ACME)
    followed.sit(license)
    followed.store.change(License, license.id, lambda each: each.transfer(GLOBEX, now=NOW))
    followed.follow()
    assert list_sessions(followed.connection, license.id, limit=9, organization_id=ACME) == []
    assert len(list_sessions(followed.connection, license.id, limit=9, organization_id=GLOBEX)) == 1
