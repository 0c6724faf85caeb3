"""The command line: helpful, with JSON everywhere, and with the exit codes that programs rely on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.main import get_command

from scripts import cli
from scripts.processes import KINDS

ROOT = Path(__file__).parents[2]
LONG_RUNNING = {"up", *KINDS}


def commands(command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(commands(get_command(cli.app)))


def test_the_commands_of_the_contract_are_there():
    assert {
        *((name,) for name in ("up", "api", "worker", "projector", "dispatcher", "scheduler", "migrate", "doctor")),
        ("catalog", "apply"),
        ("catalog", "show"),
        ("keys", "list"),
        ("keys", "rotate"),
        *(("events", verb) for verb in ("show", "export", "verify", "tail")),
        ("projections", "status"),
        ("projections", "rebuild"),
        ("provider-events", "list"),
        ("provider-events", "retry"),
        *(
            ("license", verb)
            for verb in ("issue", "show", "suspend", "reinstate", "revoke", "resize", "rotate-key", "extend")
        ),
    } <= COMMANDS.keys()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(usher, path):
    said = usher(*path, "--help")
    assert said.code == 0
    assert COMMANDS[path].help.split(".")[0][:30] in " ".join(said.out.split())


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[0] not in LONG_RUNNING], ids=" ".join)
def test_every_command_that_answers_can_answer_in_json(path):
    assert "--json" in {option for each in COMMANDS[path].params for option in each.opts}


def test_help_comes_without_loading_the_engine():
    heavy = ["psycopg", "fastapi", "pydantic", "eventsourcing", "dramatiq", "stripe", "cryptography", "psutil"]
    source = f"import sys; import scripts.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["sing"],
        ["catalog", "apply"],
        ["license", "show", "not-an-id"],
        ["license", "suspend", "6f1c1e0a-4a54-5d52-9d0b-75736865720a"],
        ["keys", "rotate", "--algorithm", "md5"],
        ["keys", "rotate", "--overlap", "a month"],
        ["projections", "rebuild", "horoscopes"],
        ["provider-events", "list", "--status", "lost"],
        ["events", "export", "--format", "xml"],
        ["events", "show", "license", "6f1c1e0a-4a54-5d52-9d0b-75736865720a", "--at", "tomorrow"],
        ["events", "show", "license", "6f1c1e0a-4a54-5d52-9d0b-75736865720a", "--version", "1", "--position", "1"],
        ["api-keys", "create", "x", "--scope", "everything"],
        ["up", "--port", "0"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2_and_no_traceback(engine, arguments):
    said = engine(*arguments)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "Usage: usher" in said.err


def test_without_an_engine_a_command_says_to_start_one(usher, tmp_path):
    said = usher("projections", "status", "--data", tmp_path / "nothing")
    assert said.code == 1
    assert said.err.startswith(f"usher: No engine runs in {tmp_path / 'nothing'}: start it with `usher up` first")
    assert len(said.err.splitlines()) == 1


def test_a_failure_is_json_when_json_was_asked_for(usher, tmp_path):
    said = usher("projections", "status", "--json", "--data", tmp_path / "nothing")
    assert said.code == 1
    assert said.json["error"]["message"].startswith("No engine runs in")


def test_a_live_stripe_key_in_the_sandbox_is_refused_in_one_line(usher, monkeypatch, tmp_path):
    monkeypatch.setenv("USHER_STRIPE_SECRET_KEY", "sk_live_1234567890")
    said = usher("up", "--data", tmp_path / "data")
    assert said.code == 1
    assert said.err == (
        "usher: USHER_STRIPE_SECRET_KEY is a live key in sandbox mode: use a test key, or set USHER_MODE=production\n"
    )
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize("command", ["up", "api", "worker", "migrate"])
def test_missing_secrets_in_production_are_refused_each_in_one_line(usher, monkeypatch, postgres_url, command):
    monkeypatch.setenv("USHER_DATABASE_URL", postgres_url)
    said = usher(command)
    assert said.code == 1
    assert [line.split(":")[1].split()[0:4] for line in said.err.splitlines()] == [
        ["USHER_ADMIN_KEY", "is", "not", "set"],
        ["USHER_SECRET_KEY", "is", "not", "set"],
    ]


@pytest.mark.parametrize("command", ["worker", "api", "migrate", "projections status"])
def test_a_database_of_a_newer_version_is_refused_in_one_line(engine, database_url, command, monkeypatch, free_port):
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into migrations (name) values ('9999_from_the_future.sql')")
    monkeypatch.setenv("USHER_PORT", str(free_port))
    said = engine(*command.split())
    assert said.code == 1
    assert [line for line in said.err.splitlines() if line.startswith("usher")] == [
        "usher: The database has migration 9999_from_the_future.sql, which this version of Usher does not know."
        " Start the newer Usher, or go back to a backup of before."
    ]
    assert "Traceback" not in said.err


def test_a_database_that_was_never_migrated_is_refused_in_one_line(engine, empty_database_url, monkeypatch):
    monkeypatch.setenv("USHER_DATABASE_URL", empty_database_url)
    said = engine("projections", "status")
    assert (said.code, said.err) == (1, "usher: The database is empty: run `usher migrate` first.\n")


def test_postgres_that_does_not_answer_is_one_line(engine, monkeypatch):
    monkeypatch.setenv("USHER_DATABASE_URL", "postgresql://usher@127.0.0.1:1/usher")
    said = engine("projections", "status")
    assert said.code == 1
    assert [line for line in said.err.splitlines() if line.startswith("usher: ")] == [
        "usher: Postgres or Redis does not answer: see `usher doctor`."
    ]


def test_migrate_brings_an_empty_database_to_this_version_and_then_does_nothing(
    engine, empty_database_url, monkeypatch
):
    monkeypatch.setenv("USHER_DATABASE_URL", empty_database_url)
    assert engine("migrate", "--json").json["migrated"][0] == "0001_log.sql"
    assert engine("migrate").out == "The database is up to date.\n"
    assert engine("projections", "status").code == 0
    assert engine("keys", "list", "--json").json[0]["status"] == "active"
