"""Whether the wall between tenants stands (adapters/walled.py): asked by `usher doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg

from adapters.database import Database
from adapters.walled import ROLE, enter

_ROLE = f"select rolsuper or rolbypassrls as passes from pg_roles where rolname = '{ROLE}'"
_TABLES = f"""
    select c.relname as name, c.relrowsecurity as walled, pg_has_role(c.relowner, 'usage') as ours,
        has_any_column_privilege('{ROLE}', c.oid, 'select') as shown
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'organization_id'
        and not a.attisdropped
    order by c.relname"""


class Gap(Exception):
    """What is missing, and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(what)


def look_at(database: Database) -> int:
    """How many tables are behind the wall. `Gap` when it does not stand."""
    role = database.fetch_one(_ROLE)
    if role is None:
        raise Gap(f"there is no role {ROLE}", f"CREATE ROLE {ROLE} NOLOGIN, and restore the backup again")
    if role["passes"]:
        raise Gap(f"{ROLE} passes by row-level security", f"ALTER ROLE {ROLE} NOSUPERUSER NOBYPASSRLS")
    tables = database.fetch_all(_TABLES)
    for table in tables:
        if not table["walled"]:
            raise Gap(f"{table['name']} has no row-level security", "run `usher migrate`")
        if not table["ours"]:
            raise Gap(f"{table['name']} is another user's", "run every process as the one that ran `usher migrate`")
    for name in _open(database, [table["name"] for table in tables if table["shown"]]):
        raise Gap(f"{name} shows rows to an organization that does not exist", "look at its policies (\\d in psql)")
    return len(tables)


def _open(database: Database, names: list[str]) -> Iterator[str]:
    """Those that show something to a tenant who cannot have anything."""
    with database.connection() as connection:
        try:
            connection.execute(enter(uuid4()))
            yield from (name for name in names if _shows_any(connection, name))
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject) as error:
            raise Gap(f"this user may not act as {ROLE}", f"GRANT {ROLE} TO the user of USHER_DATABASE_URL") from error
        finally:
            connection.rollback()


def _shows_any(connection: psycopg.Connection[Any], name: str) -> bool:
    found = connection.execute(f"select exists (select from {name}) as any".encode()).fetchone()
    return bool(found and found["any"])
