"""What a run came to, in figures that can be trusted."""

from __future__ import annotations

import json

from tests.faults.history import Kind
from tests.faults.plan import Plan
from tests.faults.rounds import Round
from tests.faults.stories import Story
from tests.faults.summary import summary


def told(story: Story, *logs, died: tuple[str, ...] = ()) -> list[list[str]]:
    """The lines of the summary as words."""
    round = Round(Plan.of(1, 10), story.history, verified={"events": 12, "ok": True})
    return [line.split() for line in summary([round], logs, died).splitlines()]


def test_calls_are_counted_by_kind_and_outcome():
    lines = told(Story().acquire(0, "ada").heartbeat(3, "ada").unavailable(5).release(6, "ada"))
    assert ["acquire", "1", "0", "0", "0", "0"] in lines
    assert ["heartbeat", "1", "0", "1", "0", "1"] in lines
    assert ["all", "3", "0", "1", "0"] in lines


def test_a_fault_is_told_with_the_longest_silence_the_longest_wait_and_the_last_failure_after_it():
    story = Story().fault("kill", "valkey", 2, 4).acquire(1, "ada").unavailable(3).unavailable(4.5).heartbeat(6, "ada")
    assert ["kill", "valkey", "1", "5.0", "s", "3.1", "s", "0.5", "s"] in told(story)


def test_links_of_the_same_kind_are_told_as_one():
    story = Story().fault("hold", "projector>valkey", 1, 2).fault("hold", "worker>valkey", 3, 4)
    assert ["hold", "workers>valkey", "2", "0.0", "s", "0.0", "s", "0.0", "s"] in told(story)


def test_switches_warnings_and_dead_processes_are_told(tmp_path):
    log = tmp_path / "api-1.log"
    said = [
        {"level": "warning", "event": "seat_pool.switched", "pool": "postgres"},
        {"level": "info", "event": "quiet"},
    ]
    log.write_text("".join(json.dumps(each) + "\n" for each in said * 2) + "Traceback (most recent call last):\n")
    lines = told(Story().change(Kind.SUSPEND, 1), log, died=("worker", "worker"))
    assert ["switches", "of", "the", "seat", "pool", "2"] in lines
    assert ["warning:", "seat_pool.switched", "2"] in lines
    assert ["ended", "by", "themselves", "worker,", "worker"] in lines
    assert any("Traceback" in " ".join(line) for line in lines)
    assert not any("quiet" in line for line in lines)
