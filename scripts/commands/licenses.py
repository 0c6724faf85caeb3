"""Licences in the vendor's hands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, fields
from scripts.commands.times import time_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from api.seat_rules import RulesBody

app = typer.Typer(help="Licences.")

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The licence.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it stays in the history for ever.", show_default=False)]
Seats = Annotated[int, typer.Option(min=1, max=1_000_000, show_default=False)]
_NEVER = "never"


@app.command()
def issue(
    organization: Annotated[UUID, typer.Option(help="Whose licence it is.", show_default=False)],
    plan: Annotated[str, typer.Option(help="The plan's code.", show_default=False)],
    seats: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Default: what the plan grants.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="RFC 3339; default: as the plan says.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """A licence that no subscription pays for. Its key is shown this once."""
    end = time_of(expires_at)
    with engine(data) as services:
        made = services.licenses.issue(organization, plan, seats=seats, expires_at=end)
        shown = {**_facts(services, made.license.id), "license_key": made.key.text}
    answer(shown, as_json, fields)


@app.command()
def show(license_id: Id, data: Data = None, as_json: Json = False) -> None:
    """A licence as it is."""
    with engine(data) as services:
        shown = _facts(services, license_id)
    answer(shown, as_json, fields)


@app.command()
def suspend(license_id: Id, reason: Reason, data: Data = None, as_json: Json = False) -> None:
    """Hold it back, whatever its payments say, and end its sessions."""
    _change(license_id, data, as_json, lambda services: services.licenses.suspend(license_id, reason=reason))


@app.command()
def reinstate(license_id: Id, reason: Reason, data: Data = None, as_json: Json = False) -> None:
    """Lift what holds it back."""
    _change(license_id, data, as_json, lambda services: services.licenses.reinstate(license_id, reason=reason))


@app.command()
def revoke(license_id: Id, reason: Reason, data: Data = None, as_json: Json = False) -> None:
    """End it for good."""
    _change(license_id, data, as_json, lambda services: services.licenses.revoke(license_id, reason=reason))


@app.command()
def resize(license_id: Id, seats: Seats, reason: Reason, data: Data = None, as_json: Json = False) -> None:
    """Another number of seats; when fewer are left than are taken, the newest sessions end."""
    _change(license_id, data, as_json, lambda services: services.licenses.resize(license_id, seats, reason=reason))


@app.command()
def extend(
    license_id: Id,
    expires_at: Annotated[str, typer.Option(help=f"The new end, RFC 3339, or `{_NEVER}`.", show_default=False)],
    reason: Reason,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Another end."""
    end = None if expires_at == _NEVER else time_of(expires_at)
    _change(license_id, data, as_json, lambda services: services.licenses.extend(license_id, end, reason=reason))


@app.command()
def rotate_key(license_id: Id, reason: Reason, data: Data = None, as_json: Json = False) -> None:
    """A new key, shown this once; the old one is refused from now on. Who sits stays seated."""
    with engine(data) as services:
        made = services.licenses.rotate_key(license_id, reason=reason)
        shown = {**_facts(services, license_id), "license_key": made.key.text}
    answer(shown, as_json, fields)


@app.command()
def rules(
    license_id: Id,
    file: Annotated[
        Path | None,
        typer.Option(
            "--set", metavar="FILE", help="New rules in place of all there are: JSON or YAML.", show_default=False
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, unless the file says it.", show_default=False)] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Who may sit: the members of the plan's groups, and who is let in or left out. Whoever sits keeps the seat."""
    from api.seat_rules import rules_answer

    wanted = None if file is None else _rules_in(file, reason)
    with engine(data) as services:
        license = services.licenses.fetch(license_id)
        if wanted is not None:
            license = services.seat_rules.set(license_id, wanted.wanted, reason=wanted.reason)
        shown = rules_answer(services, license).model_dump(mode="json")
    answer(shown, as_json, _show_rules)


def _rules_in(file: Path, reason: str | None) -> RulesBody:
    """The rules that a file holds, in the shape in which they are shown and sent over HTTP."""
    import yaml
    from pydantic import ValidationError

    from api.seat_rules import RulesBody
    from domain.errors import InvalidRequest

    try:
        told = yaml.safe_load(file.read_bytes())
        return RulesBody.model_validate({**told, "reason": reason} if reason and isinstance(told, dict) else told)
    except yaml.YAMLError as error:
        raise InvalidRequest(f"{file}: neither JSON nor YAML: {error}") from None
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc'])) or file}: {each['msg']}" for each in error.errors()[:20]]
        raise InvalidRequest("\n".join(lines)) from None


def _show_rules(shown: dict[str, Any]) -> None:
    """A line for each list that names somebody."""
    lists = {f"group {name}": members for name, members in shown["groups"].items()}
    lists |= {"include": shown["include"], "exclude": shown["exclude"]}
    said = {
        name: ", ".join(
            [f"group {group}" for group in people.get("groups", [])]
            + [
                f"{kind} {each['name'] or each['digest']}"
                for kind in ("user", "machine")
                for each in people[f"{kind}s"]
            ]
        )
        for name, people in lists.items()
    }
    fields({name: text or "nobody" for name, text in said.items()})


def _change(license_id: UUID, data: Data, as_json: bool, act: Callable[[Services], Any]) -> None:
    with engine(data) as services:
        act(services)
        shown = _facts(services, license_id)
    answer(shown, as_json, fields)


def _facts(services: Services, license_id: UUID) -> dict[str, Any]:
    """As the API shows it."""
    from api.licenses import license_answer

    shown: dict[str, Any] = license_answer(services, services.licenses.fetch(license_id)).model_dump(mode="json")
    return shown
