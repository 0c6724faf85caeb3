"""What is sold: applying a catalogue file, and showing what it has become."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer

app = typer.Typer(help="What is sold.")


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A catalogue file, YAML or JSON.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make the catalogue what the file says. The second time nothing changes; published terms are never edited."""
    text = file.read_bytes()
    with engine(data) as services:
        applied = services.catalog.apply(services.catalog.read(text, file.parent), dry_run=dry_run)

    def show(document: dict[str, Any]) -> None:
        for change in document["changes"]:
            print(change["sentence"])
            for detail in change["details"]:
                print(f"  {detail}")
        if not document["changes"]:
            print("Nothing changes.")
        elif dry_run:
            print("Dry run: nothing was changed.")

    answer(applied.document, as_json, show)


@app.command()
def show(data: Data = None, as_json: Json = False) -> None:
    """Everything on sale, as a catalogue file that can be applied again."""
    with engine(data) as services:
        document = services.catalog.show()

    def as_yaml(document: dict[str, Any]) -> None:
        import yaml

        print(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), end="")

    answer(document, as_json, as_yaml)
