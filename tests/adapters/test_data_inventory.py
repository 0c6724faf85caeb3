"""The inventory of data, held against the schema that the migrations and the read models make."""

from __future__ import annotations

import re

import pytest

from adapters.data_inventory import INVENTORY, Erasing, Kind
from adapters.data_inventory.table import NEVER, table
from domain.retention import RULES
from tests.adapters.data_inventory_page import on_page, written
from tests.projections.followed import Followed

_SCHEMA = """
    select c.relname as table, a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and a.attnum > 0 and not a.attisdropped"""


@pytest.fixture(scope="module")
def schema(databases):
    """Table → its columns, read models included."""
    found: dict[str, set[str]] = {}
    with databases.migrated() as url:
        followed = Followed(url)
        for name, column in followed.fetch(_SCHEMA):
            found.setdefault(name, set()).add(column)
        conditions = [
            f"select from {each.name} where {condition} limit 1"
            for each in INVENTORY
            for condition in (each.of_person, each.of_organization, each.kept.unless if each.kept else NEVER)
        ]
        for condition in conditions:
            followed.connection.execute(_with_nobody(condition))
        followed.close()
    return found


def _with_nobody(condition: str) -> str:
    """Conditions must be SQL of this schema: asked of nobody."""
    nobody = {"organization": "null::uuid", "customers": "null::text[]", "person": "null::uuid"}
    for word, sql in {**nobody, "address": "null::text"}.items():
        condition = condition.replace(f":{word}", sql)
    return condition.replace("%%", "%")


def test_every_column_of_every_table_is_declared(schema):
    declared = {each.name: set(each.columns) for each in INVENTORY}
    undeclared = sorted(
        f"{name}.{column}" for name, columns in schema.items() for column in columns - declared.get(name, set())
    )
    assert not undeclared, f"not declared in adapters/data_inventory: {', '.join(undeclared)}"


def test_nothing_is_declared_that_is_not_there(schema):
    gone = sorted(f"{each.name}.{column}" for each in INVENTORY for column in set(each.columns) - schema[each.name])
    assert not gone, f"declared in adapters/data_inventory and in no table: {', '.join(gone)}"
    assert len({each.name for each in INVENTORY}) == len(INVENTORY)


def test_whatever_says_who_somebody_is_ends_by_erasure_or_by_time():
    for each in INVENTORY:
        if each.personal:
            assert each.of_person != NEVER or each.of_organization != NEVER, f"{each.name}: whose is a row?"
            is_erased = each.erasing is not Erasing.KEEP or bool(each.erased_with)
            assert is_erased or (each.why_kept and each.kept), f"{each.name}: what erases it, or why is it kept?"


def test_whatever_is_blanked_may_be_null(databases):
    with databases.migrated() as url:
        followed = Followed(url)
        for each in INVENTORY:
            if each.erasing is Erasing.BLANK or (each.kept and each.kept.blank):
                sql = "select attname from pg_attribute where attrelid = %s::regclass and attnotnull"
                filled = {name for (name,) in followed.fetch(sql, each.name)}
                assert not filled & set(each.personal), each.name
        followed.close()


def test_every_rule_is_of_a_table_and_every_table_of_a_rule():
    assert {each.kept.rule for each in INVENTORY if each.kept} == set(RULES)


def test_sections_of_an_export_have_names_of_their_own_and_show_no_secret():
    names = [each.section.name for each in INVENTORY if each.section]
    assert len(set(names)) == len(names)
    for each in INVENTORY:
        if each.section:
            assert each.of_person != NEVER or each.of_organization != NEVER or each.section.person, each.name


def test_whatever_is_about_somebody_is_exported_or_is_an_exception():
    """Those that show nothing which another section does not."""
    exceptions = {"users", "webhook_feeds", "failed_payments", "audit_index", "usage_values", "provider_payloads"}
    exceptions |= {"caught_mails", "stored_answers", "exports", "export_parts", "call_rates"}
    exceptions |= {"recovery_codes", "provider_flows"}
    for each in INVENTORY:
        is_about = each.of_person != NEVER or each.of_organization != NEVER
        assert bool(each.section) == is_about or each.name in exceptions, each.name


def test_a_column_that_is_named_twice_is_refused():
    with pytest.raises(ValueError, match=r"a\.b is declared twice"):
        table("a", "twice", personal="b", other="b")


def test_the_page_says_what_is_declared():
    assert on_page() == written(), "run: python -m tests.adapters.data_inventory_page"


def test_passwords_and_secrets_are_no_other_columns():
    for each in INVENTORY:
        for column in each.holds(Kind.OTHER, Kind.ID):
            is_secret = re.search(r"password|secret|sealed|private_key$", column)
            assert not is_secret or column == "former_until", f"{each.name}.{column}"
