"""The story of `scripts/demo` is the end-to-end test: every claim in it is checked against the real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
FIRST_CHAPTER = "A customer arrives"


@contextmanager
def a_story(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """One that keeps its data in `folder`, so that what it leaves behind can be told from another one's."""
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "scripts.story"]
    story = subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with story:
        try:
            yield story
        finally:
            story.kill()


def until_it_says(story: subprocess.Popen[str], words: str) -> None:
    said = []
    for line in story.stdout:
        said.append(line)
        if words in line:
            return
    pytest.fail("".join(said))


def processes_in(folder: Path) -> list[psutil.Process]:
    """Every process that works in the folder or names it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            names = [*process.cmdline(), process.cwd()]
            if any(str(folder) in name for name in names):
                found.append(process)
    return found


def assert_nothing_is_left_in(folder: Path) -> None:
    assert processes_in(folder) == []
    assert list(folder.iterdir()) == []


def test_the_story_goes_as_told_and_leaves_nothing_behind(tmp_path):
    with a_story(tmp_path) as story:
        told, _ = story.communicate(timeout=150)
    assert story.returncode == 0, told
    assert "8  An auditor asks" in told
    assert "Everything has stopped" in told
    assert_nothing_is_left_in(tmp_path)


def test_a_story_that_is_interrupted_leaves_nothing_behind(tmp_path):
    with a_story(tmp_path) as story:
        until_it_says(story, FIRST_CHAPTER)
        story.send_signal(signal.SIGINT)
        told, _ = story.communicate(timeout=60)
    assert story.returncode == 130, told
    assert_nothing_is_left_in(tmp_path)


def test_a_story_whose_engine_is_killed_says_so_and_leaves_nothing_behind(tmp_path):
    with a_story(tmp_path) as story:
        until_it_says(story, FIRST_CHAPTER)
        psutil.Process(story.pid).children()[0].kill()
        told, _ = story.communicate(timeout=60)
    assert story.returncode == 1, told
    assert "The story broke" in told
    assert_nothing_is_left_in(tmp_path)
