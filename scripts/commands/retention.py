"""How long data is kept, and what is due."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, table

app = typer.Typer()

_RULES = ("rule", "period", "due", "last_run_at", "last_deleted", "deleted", "is_behind", "meaning")


@app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what a run would take; take nothing.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Run until nothing is due; the scheduler does so by itself.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """How long each kind of data is kept, and what was deleted for its age."""
    if dry_run and now:
        raise typer.BadParameter("choose one of --dry-run and --now")
    with engine(data) as services:
        while now and any(services.retention.run(seconds=60.0).values()):
            pass
        rules = [_shown(each._asdict()) for each in services.retention.report(count=dry_run)]
    answer(rules, as_json, lambda rows: table(rows, _RULES, empty="There is no rule."))


def _shown(rule: dict[str, Any]) -> dict[str, Any]:
    from domain.durations import text

    return {**rule, "period": text(rule["period"]), "default": text(rule["default"])}
