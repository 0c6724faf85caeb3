"""When what is still not done is tried again."""

from __future__ import annotations

from itertools import pairwise

from workers.patience import Patience


def times_tried(patience: Patience[str], seconds: int) -> list[int]:
    return [second for second in range(seconds) if patience.due(["webhook"], float(second))]


def test_the_first_try_is_at_once_and_the_pauses_double():
    assert times_tried(Patience(first=5, longest=600), 100) == [0, 5, 15, 35, 75]


def test_pauses_do_not_grow_beyond_the_longest():
    tried = times_tried(Patience(first=5, longest=20), 200)
    assert {later - earlier for earlier, later in pairwise(tried[3:])} == {20}


def test_what_is_not_found_any_more_begins_anew():
    patience = Patience[str](first=5)
    assert patience.due(["webhook"], 0) == ["webhook"]
    assert patience.due([], 1) == []
    assert patience.due(["webhook"], 2) == ["webhook"]


def test_what_is_over_the_most_waits_for_the_next_time_without_a_pause():
    patience = Patience[str](first=5)
    assert patience.due(["a", "b", "c"], 0, most=2) == ["a", "b"]
    assert patience.due(["a", "b", "c"], 0, most=2) == ["c"]
