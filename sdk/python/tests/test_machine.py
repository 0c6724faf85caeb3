"""Which machine this is, what it keeps, and its clocks."""

from __future__ import annotations

import os
import string
import subprocess
import sys
import time
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from table import StandingClock

from usher_client import FingerprintUnavailable, clock, fingerprint, machine_fingerprint, state_dir
from usher_client.clock import Backoff, Clock, Watch
from usher_client.state_dir import StateDir, default_state_dir

MACHINE_ID = "0123456789abcdef0123456789ABCDEF"


@pytest.fixture(autouse=True)
def plain_machine(monkeypatch):
    monkeypatch.delenv("USHER_FINGERPRINT", raising=False)
    monkeypatch.setattr(fingerprint, "_LINUX", ())
    monkeypatch.setattr(sys, "platform", "linux")


def has_id(monkeypatch, tmp_path, text: str) -> None:
    path = tmp_path / "machine-id"
    path.write_text(text)
    monkeypatch.setattr(fingerprint, "_LINUX", (str(tmp_path / "missing"), str(path)))


def test_a_machine_is_the_same_at_each_start_and_another_for_each_product(monkeypatch, tmp_path):
    has_id(monkeypatch, tmp_path, MACHINE_ID + "\n")
    one = machine_fingerprint("coditect")
    assert one == machine_fingerprint("coditect") != machine_fingerprint("cortex")
    assert len(one) == 64 and set(one) <= set(string.hexdigits.lower())
    assert MACHINE_ID.lower() not in one


def test_the_case_in_which_a_system_writes_its_id_does_not_matter(monkeypatch, tmp_path):
    has_id(monkeypatch, tmp_path, MACHINE_ID.lower())
    one = machine_fingerprint("coditect")
    has_id(monkeypatch, tmp_path, MACHINE_ID.upper())
    assert one == machine_fingerprint("coditect")


@pytest.mark.parametrize("text", ["", "uninitialized\n", "0" * 32, "short", "x" * 32, "é" * 32, "\x00" * 32])
def test_an_id_that_is_none_is_replaced_by_one_of_our_own(monkeypatch, tmp_path, text):
    has_id(monkeypatch, tmp_path, text)
    one = machine_fingerprint("coditect", tmp_path / "state")
    assert one == machine_fingerprint("coditect", tmp_path / "state")
    assert one != machine_fingerprint("coditect", tmp_path / "of another machine")


def test_a_machine_that_cannot_remember_who_it_is_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FingerprintUnavailable, match="USHER_FINGERPRINT"):
        machine_fingerprint("coditect", tmp_path / "file")


def test_a_container_is_given_its_fingerprint(monkeypatch, program):
    monkeypatch.setenv("USHER_FINGERPRINT", "pod-7-of-the-build-farm")
    assert machine_fingerprint("coditect") == "pod-7-of-the-build-farm"
    assert program(fingerprint=None).fingerprint == "pod-7-of-the-build-farm"
    assert program(fingerprint="said by the program").fingerprint == "said by the program"
    monkeypatch.setenv("USHER_FINGERPRINT", "short")
    with pytest.raises(ValueError):
        machine_fingerprint("coditect")


@pytest.mark.parametrize("text", ["a" * 9, "a" * 129, "a line\nand another", "tab\tulated", "\ud800 alone....", ""])
def test_what_usher_would_refuse_is_refused_here(text):
    with pytest.raises(ValueError):
        fingerprint.checked(text)


@pytest.mark.parametrize("text", ["Case-Matters-1", "ＷＩＤＥ ＬＥＴＴＥＲＳ", "a" * 128, "gerät nummer 7"])
def test_a_given_fingerprint_is_taken_as_it_is(text):
    assert fingerprint.checked(text) == text


def test_a_mac_is_told_by_its_platform_uuid(monkeypatch):
    uuid = "564D1E8A-0000-1111-2222-333344445555"
    shown = f'  "IOPlatformSerialNumber" = "C02"\n  "IOPlatformUUID" = "{uuid}"\n'
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, stdout=shown))
    assert fingerprint.system_id() == uuid

    def fails(*args, **more):
        raise subprocess.TimeoutExpired("ioreg", 10)

    monkeypatch.setattr(subprocess, "run", fails)
    assert fingerprint.system_id() is None


def test_a_windows_machine_is_told_by_its_guid(monkeypatch):
    """Against the few names of `winreg` that are used: there is no Windows here."""

    class Key:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    registry = {r"SOFTWARE\Microsoft\Cryptography": "564d1e8a-0000-1111-2222-333344445555"}
    fake = types.ModuleType("winreg")
    fake.HKEY_LOCAL_MACHINE, fake.KEY_READ, fake.KEY_WOW64_64KEY = 1, 0x20019, 0x100
    opened = []
    fake.OpenKey = lambda root, path, reserved, access: opened.append((registry[path], access)) or Key()
    fake.QueryValueEx = lambda key, name: (opened[-1][0], 1)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "winreg", fake)
    assert fingerprint.system_id() == "564d1e8a-0000-1111-2222-333344445555"
    assert opened[0][1] & fake.KEY_WOW64_64KEY
    registry.clear()
    fake.OpenKey = lambda *_: (_ for _ in ()).throw(OSError("no such key"))
    assert fingerprint.system_id() is None


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {"XDG_STATE_HOME": "/somewhere", "HOME": "/home/ada"}, "/somewhere/usher"),
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.local/state/usher"),
        ("linux", {"XDG_STATE_HOME": "relative", "HOME": "/home/ada"}, "/home/ada/.local/state/usher"),
        ("darwin", {"HOME": "/Users/ada"}, "/Users/ada/Library/Application Support/usher"),
        ("win32", {"LOCALAPPDATA": "/c/Users/ada"}, "/c/Users/ada/usher"),
        ("win32", {}, None),
    ],
)
def test_each_system_has_its_place_for_state(monkeypatch, platform, environment, place):
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("XDG_STATE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = default_state_dir()
    assert (found and found.as_posix()) == place


def test_a_machine_without_a_home_keeps_nothing(monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert default_state_dir() is None
    state = StateDir(None)
    assert state.write("a", {}) is False and state.read("a") is None
    state.remove("a")


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    state = StateDir(tmp_path)
    assert state.write("seat", {"n": 1}, durable=True)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(state_dir.os, "replace", full)
    assert state.write("seat", {"n": 2}) is False
    monkeypatch.undo()
    assert state.read("seat") == {"n": 1} and [path.name for path in tmp_path.iterdir()] == ["seat.json"]


def test_the_steady_clock_counts_sleep_where_the_system_can():
    assert clock._steady_of("linux") == time.CLOCK_BOOTTIME
    assert clock._steady_of("darwin") == time.CLOCK_MONOTONIC
    assert clock._steady_of("win32") is None
    first, second = Clock().steady(), Clock().steady()
    assert first <= second


def test_small_adjustments_of_a_clock_are_no_jump():
    standing = StandingClock(1e9)
    watch = Watch(standing)
    for by in (9.0, -9.0):
        standing.passes(5)
        standing.is_set(by)
        assert not watch.jumped(5)
    standing.passes(14)
    assert not watch.jumped(5)
    standing.passes(16)
    assert watch.jumped(5) and not watch.jumped(5)


@given(st.lists(st.none() | st.floats(0, 3600), max_size=50), st.randoms(use_true_random=False))
def test_a_backoff_is_never_before_retry_after_and_never_much_longer_than_it_may(waits, random):
    standing = StandingClock(0)
    standing.between = random.uniform
    backoff = Backoff(standing, first=1.0, longest=60.0)
    for count, wait in enumerate(waits):
        pause = backoff.next(wait)
        assert (wait or 0) <= pause <= (wait or 0) + min(60.0, 2.0**count)


def test_full_jitter_spreads_from_nothing_to_all():
    pauses = [Backoff(Clock(), first=100, longest=100).next() for _ in range(300)]
    assert min(pauses) < 20 and max(pauses) > 80
