"""The programs of the README, as they stand there."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from stand_in import KEY
from test_license_file import file_of

import usher_client

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(), re.S)


@pytest.fixture
def run(office, engine, monkeypatch, tmp_path):
    """Runs the block with these words, in a program that has what the README takes for granted; answers its names."""
    monkeypatch.setenv("USHER_FINGERPRINT", "fingerprint-of-ada")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    client = usher_client.LicenseClient(office.url, KEY, product="coditect", patience=0)
    said: list[Any] = []
    names = {
        **{name: getattr(usher_client, name) for name in usher_client.__all__},
        **{"client": client, "url": office.url, "key": KEY, "said": said, "another_client": client},
        **dict.fromkeys(("print", "tell_the_user", "warn", "save_everything_and_stop"), said.append),
        **{"work_to_do": iter([True, True, False]).__next__, "do_some_work": lambda: said.append("work")},
    }

    def run(words: str) -> dict[str, Any]:
        (block,) = (block for block in BLOCKS if words in block)
        block = block.replace("https://license.example.com", office.url).replace("CODI-…", KEY)
        code = compile(block, words, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)
        if inspect.iscoroutine(outcome):
            asyncio.run(outcome)
        return names

    return run


def test_the_first_program(run, engine):
    assert run("while work_to_do()")["said"] == ["work", "work"]
    engine.status = "suspended"
    assert "license_suspended" in run("while work_to_do()")["said"][-1]
    assert engine.open() == []


def test_with_asyncio(run, engine):
    run("async with AsyncLicenseClient")
    assert engine.seen("DELETE", "sessions") == 1


def test_being_told(run, engine, office):
    names = run("def changed(status)")
    names["changed"](usher_client.Status(usher_client.State.OFFLINE, 1, datetime(2026, 1, 2, 3, 4)))
    assert names["said"].pop().endswith("until 03:04.")
    with usher_client.LicenseClient(office.url, KEY, product="coditect", on_change=names["changed"]).acquire() as seat:
        engine.close("evicted")
        seat.renew()
        engine.wait_for("PATCH", "heartbeat")
        while not names["said"]:
            time.sleep(0.01)
    assert names["said"][0] == "An operator ended this session."


def test_refusals(run, engine, office):
    engine.limit = 0
    assert run("except SeatsExhausted as full")["said"] == ["0 of 0 seats are taken."]
    engine.status = "suspended"
    run("except SeatsExhausted as full")
    office.close()
    run("except SeatsExhausted as full")


def test_waiting_in_line(run, engine):
    engine.limit, engine.has_queue, engine.poll_within = 1, True, 2
    bob = engine.seat("fingerprint-of-bob", 1)
    poll = engine._on_ticket

    def leave(*arguments: Any) -> Any:
        bob.closed = "released"
        return poll(*arguments)

    engine._on_ticket = leave
    names = run("client.acquire(wait=600")
    assert names["said"][0] == "You are number 1" and names["seat"].number == 1
    names["seat"].release()


def test_the_train(run, engine):
    names = run("client.open_borrowed().give_back()")
    assert engine.open() == []
    with names["client"].acquire() as seat:
        seat.borrow(days=1)
    assert 200 < len(run("sign_return()")["statement"]) < 300
    assert engine.open() == []


def test_a_licence_file(run, engine):
    licence = {"product": "coditect", "status": "active", "expires_at": None, "machines": None}
    Path("licence.json").write_bytes(file_of(engine.keys[0], licence))
    assert run("read_license_file")["licence"] == licence


def test_every_program_is_tried():
    assert len(BLOCKS) == 8
