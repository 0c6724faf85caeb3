"""Times on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

Time = Annotated[str | None, typer.Option(metavar="TIME", help="RFC 3339, UTC without an offset.", show_default=False)]


def time_of(given: str | None) -> datetime | None:
    """The time that a person wrote; wrong use when it is none."""
    if given is None:
        return None
    try:
        time = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(f"{given!r} is no time; write 2027-01-31 or 2027-01-31T12:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
