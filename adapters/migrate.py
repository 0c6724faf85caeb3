"""Plain numbered SQL files, each run once, in order, in a transaction of its own."""

from __future__ import annotations

from pathlib import Path

import psycopg

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7310868735422


class SchemaTooNew(Exception):
    """The database was migrated by a newer version of Usher."""


def migrate(database_url: str) -> list[str]:
    """Runs what is missing; answers the names of what ran. Two at once wait for each other.

    Raises `SchemaTooNew` when the database knows a migration that this version does not.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(
            "create table if not exists migrations (name text primary key, ran_at timestamptz not null default now())"
        )
        return [name for name in missing(connection) if _run(connection, name)]


def missing(connection: psycopg.Connection) -> list[str]:
    """The names of migrations that have not run; `SchemaTooNew` when the database is ahead of us."""
    ours = sorted(path.name for path in _FOLDER.glob("*.sql"))
    ran = {name for (name,) in connection.execute("select name from migrations").fetchall()}
    if unknown := sorted(ran - set(ours)):
        raise SchemaTooNew(f"The database has migration {unknown[-1]}, which this version of Usher does not know.")
    return [name for name in ours if name not in ran]


def _run(connection: psycopg.Connection, name: str) -> bool:
    with connection.transaction():
        connection.execute((_FOLDER / name).read_text().encode())
        connection.execute("insert into migrations (name) values (%s)", (name,))
    return True
