"""API keys of the vendor and of organizations, for programs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, fields, table

app = typer.Typer(help="Credentials for programs.")

_COLUMNS = ("id", "name", "prefix", "scopes", "organization_id", "created_at", "expires_at", "last_used_at")
Organization = Annotated[
    UUID | None,
    typer.Option(help="Of this organization; without it of the vendor.", show_default=False),
]


@app.command(name="list")
def list_keys(organization: Organization = None, data: Data = None, as_json: Json = False) -> None:
    """The keys that are not revoked, oldest first."""
    with engine(data) as services:
        found = [_facts(key) for key in services.api_keys.live(organization, limit=10_000)]
    answer(found, as_json, lambda keys: table(keys, _COLUMNS, empty="There is no key."))


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    scope: Annotated[list[str] | None, typer.Option(help="A right; may be given again. Default: admin.")] = None,
    organization: Organization = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """A new key. Its secret is shown this once."""
    from domain.api_key import Scope

    wanted = [_scope(each) for each in scope or ([Scope.ADMIN] if organization is None else [])]
    if not wanted:
        raise typer.BadParameter("say at least one --scope for a key of an organization")
    with engine(data) as services:
        made = services.api_keys.issue(name=name, scopes=wanted, organization_id=organization)
    answer({**_facts(made.key), "secret": made.secret}, as_json, fields)


@app.command()
def rotate(
    key_id: Annotated[UUID, typer.Argument(metavar="ID", show_default=False)],
    overlap: Annotated[str, typer.Option(help="For so long the old secret works as well, e.g. P1D.")] = "PT0S",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """A new secret for a key. It is shown this once."""
    from domain import durations

    try:
        lasting = durations.parse(overlap)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with engine(data) as services:
        made = services.api_keys.rotate(key_id, overlap=lasting)
    answer({**_facts(made.key), "secret": made.secret}, as_json, fields)


@app.command()
def revoke(
    key_id: Annotated[UUID, typer.Argument(metavar="ID", show_default=False)], data: Data = None, as_json: Json = False
) -> None:
    """End a key. It is refused from now on."""
    with engine(data) as services:
        key = services.api_keys.find(key_id)
        services.api_keys.revoke(key_id)
    answer(_facts(key), as_json, lambda facts: print(f"Revoked {facts['prefix']}… ({facts['name']})."))


def _scope(text: str) -> Any:
    from domain.api_key import Scope

    try:
        return Scope(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no scope; there are {', '.join(Scope)}") from None


def _facts(key: Any) -> dict[str, Any]:
    facts: dict[str, Any] = key._asdict()
    addresses = [str(each) for each in facts.pop("networks")]
    return {"id": facts.pop("key_id"), **facts, "allowed_addresses": addresses}
