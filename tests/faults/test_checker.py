"""The checker finds what breaks the promise, and nothing in what keeps it."""

from __future__ import annotations

import pytest

from tests.faults.checker import slice_of
from tests.faults.history import GAVE_UP, MISSHAPEN, History, Kind, Outcome
from tests.faults.stories import Story

NO_ANSWER = {"outcome": Outcome.UNKNOWN, "status": 0, "ends": 0.0}


def refused(status: int, code: str) -> dict[str, object]:
    return {"outcome": Outcome.REFUSED, "status": status, "code": code, "ends": 0.0}


# --- one holder ---


def test_a_seat_that_changes_hands_after_its_lease_is_fine():
    assert Story().acquire(0, "ada").heartbeat(5, "ada").acquire(15, "bob").broken() == []


def test_a_seat_that_is_given_away_before_its_renewed_lease_is_over_is_held_by_two():
    story = Story().acquire(0, "ada").heartbeat(5, "ada").acquire(14.5, "bob")
    assert story.broken() == ["one holder"]
    assert story.violations()[0].sessions == ("ada", "bob")


def test_the_lease_counts_that_the_answer_told_not_the_one_that_was_asked_for_later():
    story = Story().acquire(0, "ada").heartbeat(9, "ada", **NO_ANSWER).acquire(10.2, "bob")
    assert story.fault("kill", "api-1", 8, 9).broken() == []


def test_a_late_heartbeat_that_is_answered_proves_that_nobody_sat_there_meanwhile():
    story = Story().acquire(0, "ada").acquire(12, "bob").heartbeat(14, "ada")
    assert story.broken() == ["one holder"]


def test_a_grant_whose_answer_comes_after_its_lease_is_believed_by_nobody():
    assert Story().acquire(0, "ada", end=11.0).acquire(10.5, "bob").broken() == []


def test_a_seat_is_free_from_the_moment_at_which_its_release_begins():
    assert Story().acquire(0, "ada").release(3, "ada").acquire(3.01, "bob").broken() == []


@pytest.mark.parametrize(("outcome", "broken"), [(Outcome.UNKNOWN, []), (Outcome.UNSENT, ["one holder"])])
def test_a_release_without_an_answer_may_have_acted_unless_it_never_left(outcome, broken):
    story = Story().acquire(0, "ada").release(3, "ada", outcome=outcome, status=0).acquire(4, "bob")
    assert story.fault("refuse", "clients>api-1", 3, 4).broken() == broken


def test_who_was_told_that_his_session_is_closed_holds_nothing_any_more():
    story = Story().acquire(0, "ada").evict(2, "ada").is_told(3, "ada", "evicted").closed(2.05, "ada", "evicted")
    assert story.acquire(3.2, "bob").broken() == []


def test_a_seat_that_is_given_away_before_the_log_ends_the_evicted_session_is_held_by_two():
    story = Story().acquire(0, "ada").evict(2, "ada").acquire(2.2, "bob").closed(6, "ada", "evicted")
    assert story.broken() == ["one holder"]


def test_the_same_seat_number_of_another_license_is_another_seat():
    story = Story().acquire(0, "ada")
    story.history.limits["three"] = 3
    story.acquire(1, "bob", license="three")
    story.history.opened[1] = story.history.opened[1]._replace(license="three")
    assert story.broken() == []


# --- a seat renewed in time is not lost ---


def test_a_client_that_is_told_expired_before_its_lease_is_over_has_lost_its_seat():
    assert Story().acquire(0, "ada").heartbeat(5, "ada").is_told(12, "ada", "expired").broken() == ["endings"]


def test_a_client_that_is_told_expired_after_its_lease_has_not():
    assert Story().acquire(0, "ada").heartbeat(5, "ada").is_told(15.1, "ada", "expired").broken() == []


def test_who_was_told_expired_after_his_lease_and_gets_the_same_session_again_has_lost_nothing():
    story = Story().acquire(0, "ada").is_told(11, "ada", "expired").acquire(12, "ada", status=200)
    assert story.broken() == []
    assert story.acquire(15, "bob").broken() == ["one holder"]


def test_an_end_in_the_log_before_the_lease_is_over_is_a_lost_seat_though_nobody_asked():
    assert Story().acquire(0, "ada").heartbeat(5, "ada").closed(11, "ada", "expired").broken() == ["endings"]


@pytest.mark.parametrize("reason", ["released", "evicted", "suspended", "resized", "revoked", "no reason"])
def test_a_reason_for_which_nobody_did_anything_is_found(reason):
    assert Story().acquire(0, "ada").is_told(3, "ada", reason).broken() == ["endings"]
    assert Story().acquire(0, "ada").closed(3, "ada", reason).broken() == ["endings"]


def test_a_reason_is_true_when_somebody_began_to_do_it():
    story = Story(seats=5).acquire(0, "ada", 1).acquire(0, "bob", 2).acquire(0, "eve", 3).acquire(0, "ida", 4)
    story.release(1, "ada").evict(1, "bob").change(Kind.RESIZE, 1, seats=1).is_told(2, "eve", "resized")
    story.change(Kind.SUSPEND, 1).is_told(2, "ida", "suspended")
    assert story.is_told(2, "ada", "released").is_told(2, "bob", "evicted").broken() == []


def test_an_eviction_of_another_session_is_no_reason():
    story = Story().acquire(0, "ada", 1).acquire(0, "bob", 2).evict(1, "bob").is_told(2, "ada", "evicted")
    assert story.broken() == ["endings"]


# --- within the limit ---


def test_one_session_more_than_there_are_seats_is_found():
    story = Story(seats=2).acquire(0, "ada", 1).acquire(1, "bob", 2).acquire(2, "eve", 3)
    assert story.broken() == ["within limit"]
    assert set(story.violations()[0].sessions) == {"ada", "bob", "eve"}


def test_as_many_sessions_as_seats_are_fine_however_often_they_change():
    story = Story(seats=1)
    for number in range(20):
        story.acquire(number, f"session {number}").release(number + 0.9, f"session {number}")
    assert story.broken() == []


def test_who_sat_before_his_license_was_made_smaller_is_no_violation_but_who_comes_after_it_is():
    story = Story(seats=2).acquire(0, "ada", 1).acquire(0, "bob", 2).change(Kind.RESIZE, 1, seats=1)
    assert story.heartbeat(5, "ada").heartbeat(5, "bob").broken() == []
    assert story.release(6, "bob").acquire(6.5, "eve", 2).broken() == ["within limit"]


def test_a_session_that_was_asked_for_before_the_license_was_made_smaller_may_still_come():
    story = Story(seats=2).acquire(0, "ada", 1).change(Kind.RESIZE, 1, seats=1)
    assert story.acquire(0.9, "bob", 2, end=1.4).broken() == []


def test_a_session_of_which_the_first_answer_was_lost_was_asked_for_then():
    story = Story(seats=2).acquire(0, "ada", 1).acquire(0.5, "", 0, machine="bob", **NO_ANSWER)
    story.fault("kill", "api-1", 0, 1).change(Kind.RESIZE, 1, seats=1)
    assert story.acquire(3, "bob", 2, machine="bob", status=200).broken() == []


def test_a_resize_without_an_answer_may_have_acted_or_not():
    more = Story(seats=1).acquire(0, "ada", 1).change(Kind.RESIZE, 1, seats=2, outcome=Outcome.UNKNOWN, status=0)
    assert more.fault("kill", "api-1", 0, 1).acquire(3, "bob", 2).broken() == []
    fewer = Story(seats=2).acquire(0, "ada", 1).change(Kind.RESIZE, 1, seats=1, outcome=Outcome.UNKNOWN, status=0)
    assert fewer.fault("kill", "api-1", 0, 1).acquire(3, "bob", 2).broken() == []


def test_of_two_resizes_at_the_same_time_either_may_be_the_last():
    both = Story(seats=2).acquire(0, "ada", 1).change(Kind.RESIZE, 1, seats=2, end=3).change(Kind.RESIZE, 1.5, seats=1)
    assert both.acquire(4, "bob", 2).broken() == []
    assert both.release(5, "bob").change(Kind.RESIZE, 6, seats=1).acquire(7, "eve", 2).broken() == ["within limit"]


# --- identities, machines, the log ---


def test_a_session_id_that_two_machines_are_given_is_found():
    story = Story().acquire(0, "s", 1, machine="ada").acquire(1, "s", 2, machine="bob")
    assert "identities" in story.broken()


def test_a_machine_that_asks_again_gets_its_seat_again_and_no_second_one():
    story = Story().acquire(0, "ada", 1, machine="m")
    assert story.acquire(1, "ada", 1, machine="m", status=200).broken() == []
    assert story.acquire(2, "another", 2, machine="m").broken() == ["one seat"]


def test_a_session_that_is_not_in_the_log_was_not_granted():
    story = Story().acquire(0, "ada")
    story.history.opened.clear()
    assert story.broken() == ["in the log"]


# --- answers ---


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind.ACQUIRE, refused(500, "internal_error")),
        (Kind.ACQUIRE, refused(401, "license_key_invalid")),
        (Kind.HEARTBEAT, refused(401, "lease_invalid")),
        (Kind.HEARTBEAT, refused(429, "seats_exhausted")),
        (Kind.RELEASE, refused(410, "session_closed")),
        (Kind.ACQUIRE, {"outcome": Outcome.UNKNOWN, "status": 503, "code": MISSHAPEN}),
    ],
)
def test_an_answer_that_the_contract_does_not_know_is_found_whatever_is_broken(kind, said):
    assert "answers" in Story().fault("kill", "valkey", 0, 5)._say(kind, 1, said).broken()


def test_a_503_or_no_answer_is_excused_by_a_fault_and_shortly_after_it():
    story = Story().fault("kill", "postgres", 10, 20).unavailable(12).unavailable(23)
    assert story.heartbeat(15, "ada", **NO_ANSWER).broken(settle=5) == []
    assert story.broken(settle=2) == ["answers"]


@pytest.mark.parametrize("target", ["worker", "projector>valkey", "api-2", "api-2>postgres", "clients>api-2"])
def test_what_happens_to_the_workers_or_to_another_api_excuses_nothing(target):
    assert Story().fault("kill", target, 0, 5).unavailable(1).broken() == ["answers"]


@pytest.mark.parametrize("target", ["valkey", "api-1>valkey"])
def test_a_fault_of_redis_can_be_made_to_excuse_only_what_was_under_way_when_it_began(target):
    story = Story().fault("kill", target, 10, 20).unavailable(9.95).unavailable(10.8)
    assert story.broken(redis_within=1) == []
    assert story.unavailable(12).broken(redis_within=1) == ["answers"]
    assert story.broken(redis_within=None) == []


def test_a_call_that_its_client_dropped_needs_no_excuse():
    assert Story().heartbeat(1, "ada", **NO_ANSWER, code=GAVE_UP).broken() == []


# --- suspended ---


def test_a_suspended_license_serves_nobody_until_it_is_reinstated():
    story = Story().acquire(0, "ada").change(Kind.SUSPEND, 8)
    assert story.change(Kind.REINSTATE, 20).acquire(21, "bob").broken() == []
    assert story.acquire(15, "eve", 2).broken() == ["suspended"]


def test_a_session_that_goes_on_while_its_license_is_suspended_is_found():
    assert Story().acquire(0, "ada").change(Kind.SUSPEND, 3).heartbeat(9, "ada").broken() == ["suspended"]


def test_what_is_served_while_something_keeps_the_news_from_arriving_is_not_held_against_anybody():
    story = Story().acquire(0, "ada").change(Kind.SUSPEND, 3).fault("hold", "projector>valkey", 1, 5)
    assert story.heartbeat(9, "ada").broken() == []


def test_a_license_that_was_never_suspended_is_not_said_to_be():
    assert Story().acquire(0, "ada", **refused(403, "license_suspended")).broken() == ["suspended"]


# --- the history itself ---


def test_a_history_that_is_kept_is_judged_the_same(tmp_path):
    story = Story().acquire(0, "ada").heartbeat(5, "ada").acquire(14.5, "bob").closed(16, "ada", "expired")
    story.fault("kill", "valkey", 1, 2).history.write(tmp_path / "history.jsonl")
    assert History.read(tmp_path / "history.jsonl") == story.history


def test_the_slice_of_a_violation_has_its_calls_and_faults_and_no_others():
    story = Story(seats=9).acquire(0, "ada").heartbeat(5, "ada").acquire(14.5, "bob").acquire(14, "eve", 2)
    story.fault("flush", "valkey", 14, 14.1).fault("kill", "postgres", 50, 60)
    told = slice_of(story.history, story.violations()[0])
    assert "flush valkey" in told and "ada" in told and "bob" in told
    assert "kill postgres" not in told and "eve" not in told
