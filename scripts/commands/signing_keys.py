"""The keys that sign leases and licence files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, fields, table

app = typer.Typer(help="The keys that sign leases and licence files.")

_COLUMNS = ("kid", "algorithm", "status", "created_at", "signs_from", "valid_until")


@app.command(name="list")
def list_keys(data: Data = None, as_json: Json = False) -> None:
    """All signing keys, the newest first: announced, active, retired but still accepted, or expired."""
    with engine(data) as services:
        found = [_facts(key) for key in services.signing.list(services.clock.now())]
    answer(found, as_json, lambda keys: table(keys, _COLUMNS, empty="There is no signing key."))


@app.command()
def rotate(
    algorithm: Annotated[str, typer.Option(help="ed25519 or rsa-4096.")] = "ed25519",
    overlap: Annotated[
        str, typer.Option(help="How long the old key is accepted (ISO 8601). PT0S: it was stolen, refuse it now.")
    ] = "P30D",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """A new signing key. The old one stays accepted for the overlap, so that nobody's lease breaks."""
    from adapters.signing_key import Algorithm
    from domain.durations import parse

    try:
        chosen, time = Algorithm(algorithm), parse(overlap)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with engine(data) as services:
        made = services.signing.rotate(chosen, services.clock.now(), time)
        facts = next(_facts(key) for key in services.signing.list(services.clock.now()) if key.kid == made.kid)
    answer(facts, as_json, lambda shown: fields({name: shown[name] for name in _COLUMNS}))


def _facts(key: Any) -> dict[str, Any]:
    return {name: getattr(key, name) for name in (*_COLUMNS, "public_key")}
