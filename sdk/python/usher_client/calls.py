"""What can be asked of Usher, and how its answers read (contract §8 and §9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from usher_client.errors import Unavailable
from usher_client.flow import Answer, Call
from usher_client.refusals import error_of

_BASE = "/api/v1/licenses"
KEYS = Call("GET", "/.well-known/usher-keys.json")
_LARGEST = 1_000_000
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 1.0, 86_400.0


class Machine(NamedTuple):
    """Who asks. Everything but the key and the fingerprint may be None, and is then not sent."""

    license_key: str
    fingerprint: str
    user: str | None = None
    hostname: str | None = None
    platform: str | None = None
    app_version: str | None = None

    def __repr__(self) -> str:
        return "Machine()"

    def body(self) -> dict[str, Any]:
        return {name: value for name, value in self._asdict().items() if value is not None}


class Granted(NamedTuple):
    """A seat as Usher answers it. `lease` is the signed token; `interval` in seconds; `limit` None: no end."""

    session_id: str
    seat: int
    lease: str
    interval: float
    limit: int | None
    used: int | None
    overage: bool

    def __repr__(self) -> str:
        return f"Granted(seat {self.seat}, session {self.session_id})"


class Place(NamedTuple):
    """A place in the queue; `place` counts from 1. `poll_within` in seconds: who asks later has lost it."""

    ticket_id: str
    ready: bool
    place: int
    poll_within: float
    ticket: str = ""

    def __repr__(self) -> str:
        return f"Place({self.place}, {'ready' if self.ready else 'waiting'})"


class Validation(NamedTuple):
    """Whether a key is good. `code` is one of VALID, GRACE, EXPIRED, SUSPENDED, REVOKED, NOT_FOUND, PRODUCT_MISMATCH,
    FINGERPRINT_NOT_ACTIVATED; `license` is the licence as the API shows it."""

    valid: bool
    code: str
    license: Mapping[str, Any] | None


def acquire(machine: Machine) -> Call:
    return Call("POST", f"{_BASE}/acquire", machine.body())


def heartbeat(session_id: str, lease: str) -> Call:
    return Call("PATCH", f"{_session(session_id)}/heartbeat", credential=f"Lease {lease}")


def release(session_id: str, lease: str, patience: float) -> Call:
    return Call("DELETE", _session(session_id), credential=f"Lease {lease}", patience=patience)


def validate(machine: Machine, product: str) -> Call:
    body = {"license_key": machine.license_key, "fingerprint": machine.fingerprint, "product": product}
    return Call("POST", f"{_BASE}/validate", body)


def queue_up(machine: Machine) -> Call:
    return Call("POST", f"{_BASE}/queue", machine.body())


def poll(place: Place, wait: int, patience: float) -> Call:
    """`wait`: whole seconds that Usher may keep the answer back."""
    credential = f"Ticket {place.ticket}"
    return Call("GET", f"{_ticket(place)}?wait={wait}", credential=credential, patience=wait + patience)


def leave_queue(place: Place, patience: float) -> Call:
    return Call("DELETE", _ticket(place), credential=f"Ticket {place.ticket}", patience=patience)


def swap(session_id: str, lease: str, machine: Mapping[str, Any]) -> Call:
    return Call("POST", f"{_session(session_id)}/swap", machine, f"Lease {lease}")


def borrow(session_id: str, lease: str, body: Mapping[str, Any]) -> Call:
    return Call("POST", f"{_session(session_id)}/borrow", body, f"Lease {lease}")


def hand_in(session_id: str, statement: str) -> Call:
    return Call("POST", f"{_session(session_id)}/return", {"statement": statement})


def read(answer: Answer, *expected: int) -> dict[str, Any]:
    """The JSON object of an answer with an expected status; empty for 204. Raises the typed error of any other.

    A good status with another body was not said by Usher: a hotel's login page, say. It is `Unavailable`.
    """
    if answer.status not in expected:
        raise error_of(answer.status, answer.headers, answer.body)
    if answer.status == 204:
        return {}
    try:
        value = json.loads(answer.body) if len(answer.body) <= _LARGEST else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise not_ushers()
    return value


def read_granted(answer: Answer) -> Granted:
    said = read(answer, 200, 201)
    seats = said.get("seats")
    seats = seats if isinstance(seats, dict) else {}
    return Granted(
        session_id=_text(said, "session_id"),
        seat=_whole(said, "seat"),
        lease=_text(said, "lease"),
        interval=_interval(said),
        limit=seats.get("limit"),
        used=seats.get("used"),
        overage=said.get("overage") is True,
    )


def read_renewed(answer: Answer, former: Granted) -> Granted:
    said = read(answer, 200)
    return former._replace(lease=_text(said, "lease"), interval=_interval(said))


def read_place(answer: Answer, ticket: str | None = None) -> Place:
    """`ticket`: the one we have; only the first answer shows it."""
    said = read(answer, 200, 201)
    return Place(
        ticket_id=_text(said, "ticket_id"),
        ready=said.get("state") == "ready",
        place=_whole(said, "place"),
        poll_within=max(1.0, _number(said, "poll_within")),
        ticket=_text(said, "ticket") if ticket is None else ticket,
    )


def read_validation(answer: Answer) -> Validation:
    said = read(answer, 200)
    licence = said.get("license")
    return Validation(said.get("valid") is True, _text(said, "code"), licence if isinstance(licence, dict) else None)


def not_ushers() -> Unavailable:
    return Unavailable("Something that is not Usher answered; a network that wants a login does that.")


def _session(session_id: str) -> str:
    return f"{_BASE}/sessions/{quote(session_id, safe='')}"


def _ticket(place: Place) -> str:
    return f"{_BASE}/queue/{quote(place.ticket_id, safe='')}"


def _interval(said: Mapping[str, Any]) -> float:
    return min(max(_number(said, "heartbeat_interval"), _SHORTEST_INTERVAL), _LONGEST_INTERVAL)


def _number(said: Mapping[str, Any], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e12:
        raise not_ushers()
    return float(value)


def _whole(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    if type(value) is not int:
        raise not_ushers()
    return value


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise not_ushers()
    return value
