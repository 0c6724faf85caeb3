"""Lists in pages: `?limit=` and an opaque `?after=` that only we can make."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.auth import services_of
from api.parameters import known_parameters
from domain.errors import InvalidRequest

if TYPE_CHECKING:
    from adapters.bootstrap import Services

T = TypeVar("T")
Cursor = list[str | int]
_MAC = 16


class Page:
    """One page that a caller asked for. Query `take` rows (one more than are shown) after `after`, then `answer`."""

    def __init__(
        self, response: Response, route: str, limit: int, after: str | None, mac: Callable[[str, bytes], bytes]
    ) -> None:
        self._response = response
        self._route = route
        self._limit = limit
        self._mac = mac
        self.after: Cursor | None = None if after is None else self._open(after)

    @property
    def take(self) -> int:
        return self._limit + 1

    @property
    def after_time_and_id(self) -> tuple[datetime, UUID] | None:
        """The cursor of lists that are ordered by a time and an id."""
        if self.after is None:
            return None
        time, id = self.after
        return datetime.fromisoformat(str(time)), UUID(str(id))

    @property
    def after_number(self) -> int | None:
        """The cursor of lists that are ordered by a position or a number."""
        return None if self.after is None else int(self.after[0])

    def answer(
        self,
        found: Sequence[T],
        *,
        cursor: Callable[[T], Sequence[Any]],
        show: Callable[[T], Any],
        position: int | None = None,
    ) -> dict[str, Any]:
        """`{"data", "next"}`; `cursor` gives what orders an item, `position` the log position the list stands for."""
        if position is not None:
            self._response.headers["X-Log-Position"] = str(position)
        shown = found[: self._limit]
        more = len(found) > self._limit
        return {"data": [show(item) for item in shown], "next": self._seal(cursor(shown[-1])) if more else None}

    def _seal(self, ordered_by: Sequence[Any]) -> str:
        plain = json.dumps([_plain(part) for part in ordered_by], separators=(",", ":")).encode()
        return urlsafe_b64encode(self._proof(plain) + plain).decode().rstrip("=")

    def _open(self, cursor: str) -> Cursor:
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            _refuse()
        if not compare_digest(raw[:_MAC], self._proof(raw[_MAC:])):
            _refuse()
        opened: Cursor = json.loads(raw[_MAC:])
        return opened

    def _proof(self, plain: bytes) -> bytes:
        """Binds a cursor to its list: one from elsewhere would be read as something it is not."""
        return self._mac("cursor", self._route.encode() + b"\0" + plain)


async def page_of(
    request: Request,
    response: Response,
    limit: int = Query(25, ge=1, le=100, description="Items a page."),
    after: str | None = Query(None, max_length=1000, description="`next` of the page before."),
    services: Services = Depends(services_of),
    _: None = Depends(known_parameters),
) -> Page:
    """Dependency: the page that a list is asked for. A parameter that the list does not know is refused."""
    return Page(response, request.url.path, limit, after, services.tokens.mac)


class Listing(BaseModel):
    """The shape of every list, for the OpenAPI document; subclass it with the type of `data`."""

    next: str | None = Field(description="Give it as `after` for the next page; null on the last.")


def _plain(part: Any) -> str | int:
    if isinstance(part, datetime):
        return part.isoformat()
    return part if isinstance(part, int) else str(part)


def _refuse() -> NoReturn:
    raise InvalidRequest.field("after", "is not a cursor of this list; begin again without it")
