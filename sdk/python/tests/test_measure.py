"""What the client costs the program that uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from stand_in import KEY

import measure

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is measured on Linux"),
    pytest.mark.skipif(find_spec("tkinter") is None, reason="the program measured is a desktop program, with Tk"),
]


def test_a_desktop_program_grows_by_less_than_15_mb(office, engine):
    figures = measure.measure(office.url, KEY, "coditect", repeats=1)
    assert 0 < figures["private_mb"] < figures["resident_mb"] < 15
    assert 0 < figures["import_ms"] < figures["total_ms"] and figures["cpu_ms"] > 0
    assert engine.open() == []


def test_the_figures_are_printed_one_line_for_each_kind_of_program(office):
    command = [sys.executable, measure.__file__, office.url, KEY, "coditect", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert [json.loads(line)["host"] for line in done.stdout.splitlines()] == ["bare", "desktop"]
