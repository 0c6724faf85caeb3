"""Migrated databases that tests use one after the other: to make one as it was costs much less than another copy."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

MIGRATED, READ = "migrated_template", "read_template"
"""Templates: with the tables of the log, and with those of the read models too."""
_PREFIX = "test_"

_REMEMBER = """
create schema pristine;

-- What a database is made of, but for its rows. A truncated table keeps its oid.
create function pristine.shape() returns text language sql set search_path = pg_catalog as $$
    select md5(concat(
        (select string_agg(concat(oid, relname, relhastriggers, relrowsecurity, relforcerowsecurity), ',' order by oid)
         from pg_class where relnamespace = 'public'::regnamespace),
        (select string_agg(concat(oid, proname, prosrc), ',' order by oid)
         from pg_proc where pronamespace = 'public'::regnamespace),
        (select string_agg(concat(oid, conname), ',' order by oid)
         from pg_constraint where connamespace = 'public'::regnamespace),
        (select string_agg(concat(t.oid, tgname, tgenabled), ',' order by t.oid) from pg_trigger t
         join pg_class c on c.oid = tgrelid where c.relnamespace = 'public'::regnamespace),
        (select string_agg(concat(attrelid, attname, atttypid, attnotnull, atthasdef), ',' order by attrelid, attnum)
         from pg_attribute a join pg_class c on c.oid = attrelid where c.relnamespace = 'public'::regnamespace)
    ))
$$;

do $$
declare
    t record;
    is_filled boolean;
begin
    create table pristine.tables as select oid, oid::regclass::text as name, false as is_filled from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition;
    for t in select * from pristine.tables loop
        execute format('select exists (select from %s)', t.name) into is_filled;
        if is_filled then
            execute format('create table pristine.%s as table %s', t.name, t.name);
            update pristine.tables set is_filled = true where oid = t.oid;
        end if;
    end loop;
    create table pristine.sequences as
        select sequencename as name, start_value, last_value from pg_sequences where schemaname = 'public';
end $$;

-- Makes the database as it was; false when only a new copy would be.
create function pristine.restore() returns boolean language plpgsql set session_replication_role = replica as $$
declare
    few constant integer := 1000; -- rows that are deleted faster than a table gets new files
    t record;
    is_filled boolean;
    has_many boolean;
    crowded text[] := '{}';
begin
    for t in select nspname as name from pg_namespace
        where nspname not in ('public', 'pristine', 'information_schema') and nspname not like 'pg\\_%'
    loop
        execute format('drop schema %I cascade', t.name);
    end loop;
    for t in select oid::regclass::text as name from pg_class where relnamespace = 'public'::regnamespace
        and relkind in ('r', 'p') and not relispartition and oid not in (select oid from pristine.tables)
    loop
        execute format('drop table %s cascade', t.name);
    end loop;
    if pristine.shape() <> (select shape from pristine.shapes) then return false; end if;
    for t in select * from pristine.tables loop
        execute format('select count(*) > 0, count(*) > %s from (select from %s limit %s + 1)', few, t.name, few)
            into is_filled, has_many;
        if has_many then crowded := crowded || t.name;
        elsif is_filled then execute format('delete from %s', t.name);
        end if;
    end loop;
    if cardinality(crowded) > 0 then execute format('truncate %s cascade', array_to_string(crowded, ', ')); end if;
    for t in select * from pristine.tables p where p.is_filled loop
        execute format('insert into %s overriding system value select * from pristine.%s', t.name, t.name);
    end loop;
    perform setval(name::regclass, coalesce(last_value, start_value), last_value is not null) from pristine.sequences;
    return true;
end $$;

create table pristine.shapes as select pristine.shape() as shape;
"""


class Databases:
    """Of one PostgreSQL, for one process. Those that former runs left are dropped."""

    def __init__(self, postgres_url: str) -> None:
        self._url = postgres_url
        self._free: dict[str, list[str]] = {}
        """Of each template that is made."""
        with self._server() as server:
            query = "select datname from pg_database where datname like %s or datname = any(%s)"
            for (name,) in server.execute(query, [_PREFIX.replace("_", r"\_") + "%", [MIGRATED, READ]]).fetchall():
                server.execute(f"drop database {name} with (force)")

    @contextmanager
    def migrated(self, *, with_read_models: bool = False) -> Iterator[str]:
        """The URL of a database in which nothing happened since it was migrated, and the read models were prepared."""
        template = READ if with_read_models else MIGRATED
        if template not in self._free:
            self._free[template] = []
            self._make(template)
        free = self._free[template]
        name = free.pop() if free else self._copy(template)
        try:
            yield self.url_of(name)
        finally:
            if self._made_as_it_was(name):
                free.append(name)
            else:
                self._drop(name)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database that was not even migrated; dropped at the end whoever is still connected."""
        name = self._copy("template0")
        try:
            yield self.url_of(name)
        finally:
            self._drop(name)

    def url_of(self, name: str) -> str:
        return self._url.replace("/usher?", f"/{name}?", 1)

    def _make(self, template: str) -> None:
        from adapters.migrate import migrate
        from projections.all import read_models
        from projections.positions import prepare

        with self._server() as server:
            server.execute(f"create database {template}")
        migrate(self.url_of(template))
        with psycopg.connect(self.url_of(template), autocommit=True) as connection:
            if template == READ:
                prepare(connection, read_models())
            connection.execute(_REMEMBER)

    def _copy(self, template: str) -> str:
        name = f"{_PREFIX}{secrets.token_hex(6)}"
        with self._server() as server:
            server.execute(f"create database {name} template {template} strategy file_copy")
        return name

    def _made_as_it_was(self, name: str) -> bool:
        try:
            with psycopg.connect(self.url_of(name), autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
                (is_restored,) = connection.execute("select pristine.restore()").fetchone() or (False,)
        except psycopg.Error:  # the test has taken it away, or is still at it
            return False
        return bool(is_restored)

    def _drop(self, name: str) -> None:
        with self._server() as server:
            server.execute(f"drop database if exists {name} with (force)")

    def _server(self) -> psycopg.Connection:
        return psycopg.connect(self._url, autocommit=True)
