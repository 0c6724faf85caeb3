"""Logs: one line an event, in the format that was asked for, without secrets."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from adapters import logs


@pytest.fixture(autouse=True)
def afterwards_as_before():
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def said(capsys) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_json_is_one_object_a_line_with_the_process(capsys):
    logs.configure(level="info", format="json", process="worker")
    structlog.get_logger().info("license.suspended", license_id="1", reason="unpaid\nfor weeks")
    (line,) = said(capsys)
    fields = json.loads(line)
    assert fields.pop("timestamp").endswith("Z")
    assert fields == {
        "event": "license.suspended",
        "level": "info",
        "process": "worker",
        "license_id": "1",
        "reason": "unpaid\nfor weeks",
    }


def test_the_console_shows_time_process_level_event_and_fields_on_one_line(capsys):
    logs.configure(level="info", format="console", process="worker")
    structlog.get_logger().warning("license.suspended", license_id="1", reason="unpaid\x1b[31m\nfor weeks")
    (line,) = said(capsys)
    assert line[8:] == r" worker     warning license.suspended  license_id=1 reason='unpaid\x1b[31m\nfor weeks'"


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("name", sorted(logs.HIDDEN))
def test_a_secret_is_never_written(capsys, format, name):
    logs.configure(level="info", format=format, process="worker")
    structlog.get_logger().info("something", **{name: "hunter2"})
    assert "hunter2" not in capsys.readouterr().err


def test_a_password_in_an_address_is_never_written(capsys):
    logs.configure(level="info", format="json", process="worker")
    structlog.get_logger().info("database.away", url="postgresql://usher:hunter2@db/usher")
    (line,) = said(capsys)
    assert json.loads(line)["url"] == "postgresql://usher:***@db/usher"


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_has_no_local_variables(capsys, format):
    logs.configure(level="info", format=format, process="worker")

    def fail(secret: str) -> None:
        raise ValueError(len(secret))

    try:
        fail("hunt" + "er2")
    except ValueError:
        structlog.get_logger().exception("fault")
    written = capsys.readouterr().err
    assert "in fail" in written and "ValueError: 7" in written
    assert "hunter2" not in written


def test_what_is_below_the_level_is_not_written(capsys):
    logs.configure(level="warning", format="json", process="worker")
    structlog.get_logger().info("quiet")
    assert said(capsys) == []


def test_libraries_speak_through_our_logs_and_do_not_repeat_themselves(capsys):
    logs.configure(level="info", format="json", process="worker")
    library = logging.getLogger("some.library")
    for attempt in range(3):
        library.warning("cannot connect, attempt %d", attempt)
    library.info("not worth saying")
    (line,) = said(capsys)
    fields = json.loads(line)
    assert (fields["event"], fields["library"], fields["level"]) == (
        "cannot connect, attempt 0",
        "some.library",
        "warning",
    )


def test_a_library_that_lost_a_server_says_so_in_one_line(capsys):
    logs.configure(level="info", format="console", process="worker")
    try:
        raise ConnectionResetError("the server is gone")
    except ConnectionResetError:
        logging.getLogger("some.library").exception("cannot go on")
    (line,) = said(capsys)
    assert "cannot go on" in line and "ConnectionResetError: the server is gone" in line


def test_a_fault_in_a_library_keeps_its_traceback(capsys):
    logs.configure(level="info", format="console", process="worker")
    try:
        raise KeyError("broken")
    except KeyError:
        logging.getLogger("some.library").exception("cannot go on")
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_reader_that_has_gone_away_fails_nobody(monkeypatch):
    class Gone:
        def write(self, text: str) -> None:
            raise BrokenPipeError

    logs.configure(level="info", format="json", process="worker")
    monkeypatch.setattr("sys.stderr", Gone())
    structlog.get_logger().info("said to nobody")
