"""The example as a window on a real display: what is on it, and what its buttons do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from seat_desk import Desk
from stand_in import KEY

HOME = Path(__file__).parents[1]
XVFB = shutil.which("Xvfb")

tkinter = pytest.importorskip("tkinter", reason="this Python was built without Tk")
pytestmark = pytest.mark.skipif(XVFB is None, reason="there is no display here, and no Xvfb (package xvfb) to make one")


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A display of its own, at a number that is free."""
    reading, writing = os.pipe()
    command = [str(XVFB), "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as told:
        number = told.readline().strip()
    assert number, "Xvfb did not start"
    yield f":{number}"
    server.terminate()
    server.wait(10)


class Screen:
    """The window, and an eye on it."""

    def __init__(self, display: str, make_desk: Callable[[], Desk]) -> None:
        from desktop import Window

        self.root = tkinter.Tk(screenName=display)
        self.window = Window(self.root, make_desk())

    def sees(self, headline: str, detail: str = "", *buttons: str) -> None:
        deadline = time.monotonic() + 15
        while not (headline in self.window.headline["text"] and detail in self.window.detail["text"]):
            assert time.monotonic() < deadline, (self.window.headline["text"], self.window.detail["text"])
            self.root.update()
            time.sleep(0.01)
        self.root.update()
        shown = {str(button["text"]) for button in self.window.buttons.values() if button.winfo_ismapped()}
        assert shown == set(buttons), shown

    def press(self, button: str) -> None:
        next(each for each in self.window.buttons.values() if each["text"] == button).invoke()


@pytest.fixture
def screen(display, program) -> Iterator[Screen]:
    screen = Screen(display, lambda: Desk(lambda on_change: program(on_change=on_change)))
    yield screen
    screen.window.close()


def test_a_user_takes_a_seat_loses_the_network_is_suspended_and_goes_home(screen, engine, office):
    screen.sees("No seat", "", "Take a seat")
    screen.press("Take a seat")
    screen.sees("Seat 1", "fine", "Release", "Borrow for 3 days")
    office.close()
    screen.window.desk.ask()
    screen.sees("Seat 1", "Offline; you can work until", "Release", "Try again")
    office.open()
    screen.press("Try again")
    screen.sees("Seat 1", "fine", "Release", "Borrow for 3 days")
    engine.status = "suspended"
    engine.close("suspended")
    screen.window.desk.ask()
    screen.sees("Licence suspended", "", "Release", "Try again")
    engine.status = "active"
    screen.press("Try again")
    screen.sees("Seat 1", "fine", "Release", "Borrow for 3 days")
    screen.press("Release")
    screen.sees("No seat", "", "Take a seat")
    engine.wait_for("DELETE", "sessions")


def test_a_user_stands_in_line(screen, engine):
    engine.limit, engine.has_queue, engine.poll_within = 1, True, 2
    bob = engine.seat("fingerprint-of-bob", 1)
    screen.press("Take a seat")
    screen.sees("In line: place 1", "", "Give up")
    bob.closed = "released"
    screen.sees("Seat 1", "fine", "Release", "Borrow for 3 days")


def test_a_user_borrows_and_gives_back(screen, engine):
    screen.press("Take a seat")
    screen.sees("Seat 1", "fine", "Release", "Borrow for 3 days")
    screen.press("Borrow for 3 days")
    screen.sees("Seat 1", "Borrowed until", "Give back")
    screen.press("Give back")
    screen.sees("No seat", "", "Take a seat")
    assert engine.open() == []


def test_the_whole_program_starts_and_ends(display, engine, office, tmp_path):
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(HOME), "DISPLAY": display}
    usher = {"USHER_URL": office.url, "USHER_LICENSE_KEY": KEY, "USHER_FINGERPRINT": "fingerprint-of-ada"}
    lines = """
import desktop, tkinter
def sit(window):
    window.press(window.desk.take)
    window.root.after(100, lambda: look(window))
def look(window):
    if window.headline["text"] == "Seat 1":
        window.close()
    else:
        window.root.after(100, lambda: look(window))
made = desktop.Window.__init__
def init(window, *rest):
    made(window, *rest)
    window.root.after(10, lambda: sit(window))
desktop.Window.__init__ = init
desktop.main()
"""
    environment = {**os.environ, **home, **usher}
    environment["PYTHONPATH"] += os.pathsep + str(HOME / "examples")
    done = subprocess.run([sys.executable, "-c", lines], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert engine.seen("POST", "acquire") == 1 and engine.open() == []


def test_the_program_says_what_it_needs(tmp_path):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME)}
    command = [sys.executable, str(HOME / "examples" / "desktop.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "Set 'USHER_URL' first.\n")
