"""Stripe beside what we have: prices brought there, lost webhooks made up for."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, progress_in_steps, table

T = TypeVar("T")
app = typer.Typer(help="Prices at Stripe, and what lost webhooks left behind.")

_DRIFT = ("kind", "reference", "what", "fields", "repaired", "problem")


@app.command()
def sync(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, do nothing.")] = False,
    archive: Annotated[
        bool, typer.Option("--archive", help="Also take off sale at Stripe what the catalogue sells no more.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Bring the catalogue's prices to Stripe: found by lookup key and adopted, or made. The second time nothing
    happens; an amount is never edited, a changed price is made anew. Exit code 1 when a price was refused."""
    with engine(data) as services:
        bring = _of_stripe(services.price_sync).run
        steps = [step.document for step in bring(dry_run=dry_run, archive=archive)]

    def show(found: dict[str, Any]) -> None:
        for step in found["steps"]:
            print(step["sentence"])
        if not found["steps"]:
            print("Nothing is on sale: apply a catalogue first (`usher catalog apply FILE`).")
        elif dry_run:
            print("Dry run: nothing was done.")

    answer({"dry_run": dry_run, "steps": steps}, as_json, show)
    raise typer.Exit(int(any(step["kind"] == "refused" for step in steps)))


@app.command()
def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what differs, repair nothing.")] = False,
    since: Annotated[
        datetime | None,
        typer.Option(help="Look at events from then on (UTC); else at those that were not looked at yet."),
    ] = None,
    calls: Annotated[int, typer.Option(min=1, help="Requests to Stripe, about; the next run goes on there.")] = 1_000,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Lay Stripe's events and objects beside what we have, and take in what was lost, as its webhook would have been.
    Exit code 1 when something differs and is not repaired, or the look could not be ended."""
    with engine(data) as services:
        reconciliation = _of_stripe(services.reconciliation)
        since = since.replace(tzinfo=since.tzinfo or UTC) if since else None
        with progress_in_steps() as say:
            run = reconciliation.run(
                dry_run=dry_run, since=since, calls=calls, say=lambda what, done: say(f"{done} {what}", 0, 1)
            )
    found = {**asdict(run), "found": len(run.drift), "repaired": run.repaired}

    def show(found: dict[str, Any]) -> None:
        table(found["drift"], _DRIFT, empty="Nothing differs.")
        print(f"{found['events']} events and {found['objects']} objects in {found['calls']} requests: {_ended(found)}")

    answer(found, as_json, show)
    raise typer.Exit(int(run.left > 0 or run.problem is not None))


def _of_stripe(part: T | None) -> T:
    from domain.buying_errors import BuyingNotSetUp

    if part is None:
        raise BuyingNotSetUp("No Stripe key is set (USHER_STRIPE_SECRET_KEY), so there is no Stripe to ask.")
    return part


def _ended(found: dict[str, Any]) -> str:
    if found["problem"]:
        return f"stopped, {found['problem']}; run it again to go on"
    if found["outcome"] == "stopped":
        return "as many as were allowed; run it again to go on"
    if found["dry_run"]:
        return "dry run, nothing was repaired"
    return f"{found['repaired']} of {found['found']} repaired"
