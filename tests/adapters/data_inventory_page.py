"""The inventory of data as a table in docs/data-rights.md; `python -m tests.adapters.data_inventory_page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adapters.data_inventory import INVENTORY, Erasing, Kind, Table
from adapters.data_inventory.table import NEVER
from domain.durations import text
from domain.retention import RULES

PAGE = Path(__file__).parents[2] / "docs" / "data-rights.md"
_BEGIN = "<!-- written by python -m tests.adapters.data_inventory_page -->"


def written() -> str:
    return "\n".join([*_rules(), "", *_tables()]) + "\n"


def on_page() -> str:
    return PAGE.read_text().partition(_BEGIN)[2].lstrip("\n")


def _rules() -> Iterator[str]:
    yield "### Retention\n\n| rule | kept | by default | at least |\n| --- | --- | --- | --- |"
    for rule in RULES.values():
        yield f"| `{rule.name}` | {rule.meaning} | {text(rule.period)} | {text(rule.least)} |"


def _tables() -> Iterator[str]:
    yield "### Every table\n"
    yield "Columns that are not named are about nobody. *ids* stand for somebody and say nothing without a table that"
    yield "names them; *secret* ones are digests or sealed, and never shown.\n"
    yield "| table | says who somebody is | ids | secret | kept | erased with a person / an organization |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for each in INVENTORY:
        kept = f"`{each.kept.rule}`" if each.kept else ""
        cells = [_names(each, kind) for kind in (Kind.PERSONAL, Kind.ID, Kind.SECRET)]
        yield f"| `{each.name}`: {each.about} | {' | '.join(cells)} | {kept} | {_erased(each)} |"


def _names(each: Table, kind: Kind) -> str:
    return ", ".join(f"`{column}`" for column in each.holds(kind))


def _erased(each: Table) -> str:
    if each.why_kept:
        return f"kept: {each.why_kept}"
    how = {Erasing.DELETE: "deleted", Erasing.BLANK: "emptied", Erasing.KEEP: "-"}[each.erasing]
    of = [how if condition != NEVER else "-" for condition in (each.of_person, each.of_organization)]
    said = " / ".join(of) if of != ["-", "-"] else ""
    return f"{said}{'; with ' if said and each.erased_with else ''}{each.erased_with}"


if __name__ == "__main__":
    before = PAGE.read_text().partition(_BEGIN)[0]
    PAGE.write_text(f"{before}{_BEGIN}\n\n{written()}")
