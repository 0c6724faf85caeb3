"""How answers that are no success read."""

from __future__ import annotations

import json
from email.utils import formatdate
from time import time

import pytest
from table import Table

from usher_client import (
    BorrowExhausted,
    Conflict,
    QueueFull,
    RateLimited,
    SeatBorrowed,
    SeatNotAllowed,
    SeatsExhausted,
    State,
    Unavailable,
    UsherError,
)
from usher_client.flow import Answer
from usher_client.refusals import all_below, error_of


def refusal(code: str, status: int = 400, **more: object) -> UsherError:
    return error_of(status, {}, json.dumps({"error": {"code": code, **more}}).encode())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("seats_exhausted", SeatsExhausted),
        ("borrow_exhausted", BorrowExhausted),
        ("seat_not_allowed", SeatNotAllowed),
        ("seat_borrowed", SeatBorrowed),
        ("conflict", Conflict),
        ("queue_full", QueueFull),
        ("rate_limited", RateLimited),
        ("concurrent_change", Unavailable),
        ("a_code_of_next_year", UsherError),
        ("offline_too_long", UsherError),  # only this client says it
    ],
)
def test_each_code_has_its_type(code, kind):
    error = refusal(code)
    assert (type(error), error.code) == (kind, code)


def test_what_an_error_says_is_kept():
    error = refusal(
        "seats_exhausted", 429, message="All.", retry_after=7, details={"limit": 3, "used": 3}, request_id="r"
    )
    assert (str(error), error.retry_after, error.limit, error.used, error.request_id) == ("All.", 7, 3, 3, "r")
    odd = refusal("seats_exhausted", details={"limit": "3", "used": True, "axis": 7, "queue": "yes", "reason": 1})
    assert (odd.limit, odd.used, odd.axis, odd.has_queue, odd.reason) == (None, None, None, False, None)
    assert str(odd) == SeatsExhausted.sentence and refusal("x", details=[1]).details == {}


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"7", b'{"error": 7}', b'{"error": {}}', b"\xff", b"[" * 99_999]
)
def test_what_usher_did_not_say_is_no_refusal(body):
    for status in (200, 302, 403, 404, 429, 502, 511):
        assert type(error_of(status, {}, body)) is Unavailable


def test_a_fault_of_the_server_is_no_refusal_whatever_it_says():
    assert type(refusal("license_revoked", 500)) is Unavailable


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("1e99", 3600), ("inf", 3600), ("nan", None), ("soon", None), ("", None)],
)
def test_retry_after_is_a_number_of_seconds_within_reason(header, seconds):
    assert error_of(503, {"retry-after": header}, b"").retry_after == seconds


def test_retry_after_may_be_a_date():
    wait = error_of(503, {"retry-after": formatdate(time() + 60, usegmt=True)}, b"").retry_after
    assert 55 < wait <= 61
    assert error_of(503, {"retry-after": formatdate(0, usegmt=True)}, b"").retry_after == 0


def test_somebody_who_was_faster_is_no_reason_to_give_up(engine, tmp_path):
    table, faster = Table(engine, tmp_path), [Answer(409, {}, b'{"error": {"code": "concurrent_change"}}')]
    send = table.send
    table.send = lambda call: faster.pop() if faster else send(call)
    assert table.sit().status.state is State.SEATED


def test_every_error_has_a_code_and_a_sentence_for_people():
    for kind in all_below(UsherError):
        assert kind.code.islower() and kind.sentence.endswith(".")
