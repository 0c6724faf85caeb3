"""Real processes under load, with everything that can break breaking: the promise is kept, and the log is whole.

Bounded for every day; `scripts/faults --minutes 60` is the long one, with any seed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.faults.__main__ import main
from tests.faults.stories import Story

ROOT = Path(__file__).parents[2]
SEED = 7
MINUTES = 0.75


def faults(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


def test_no_seat_is_held_by_two_and_none_is_lost_whatever_fails():
    run = faults("--minutes", MINUTES, "--seed", SEED)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "The promise was kept." in run.stdout
    assert run.stderr == ""


def test_a_history_that_was_kept_is_judged_again_and_its_violation_is_shown(tmp_path, capsys):
    kept = tmp_path / "history.jsonl"
    Story().acquire(0, "ada").heartbeat(5, "ada").acquire(14.5, "bob").history.write(kept)
    assert main(["--check", str(kept)]) == 1
    assert "one holder: seat 1 of ten" in capsys.readouterr().out
    Story().acquire(0, "ada").history.write(kept)
    assert main(["--check", str(kept)]) == 0
