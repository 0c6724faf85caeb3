"""A seat that is held offline for days: borrowed while there is a network, opened without one, given back early with
one or, by a signed statement that a person carries, without."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from usher_client import calls
from usher_client.calls import Granted
from usher_client.conversation import Conversation, Held
from usher_client.errors import (
    BorrowEnded,
    LeaseInvalid,
    LeaseOver,
    LeaseUntrusted,
    NothingBorrowed,
    SessionClosed,
    Unavailable,
    UsherError,
)
from usher_client.flow import Flow
from usher_client.keys import base64url, encode_base64url
from usher_client.lease import Lease
from usher_client.sitting import Sitting


def terms(days: float | None, until: datetime | None) -> dict[str, str]:
    """How long, as Usher reads it. `ValueError` unless one of the two is given, and lies ahead."""
    if (days is None) == (until is None):
        raise ValueError("say for how many days, or until when")
    if until is not None:
        if until.tzinfo is None:
            raise ValueError("`until` needs a time zone")
        return {"until": until.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")}
    assert days is not None
    if not (days > 0 and math.isfinite(days)):
        raise ValueError("a seat is borrowed for more than no days")
    return {"duration": f"P{int(days)}D" if days == int(days) else f"PT{max(1, round(days * 86_400))}S"}


class ReturnKey(NamedTuple):
    """Signs the statement that gives the seat back without a network. Both halves are raw Ed25519 in base64url."""

    private: str
    public: str

    def __repr__(self) -> str:
        return "ReturnKey()"

    @classmethod
    def generate(cls) -> ReturnKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        return cls(encode_base64url(key.private_bytes_raw()), encode_base64url(key.public_key().public_bytes_raw()))


def statement(private: str, session_id: str, now: float) -> str:
    """A compact JWS (RFC 7515 §7.1, EdDSA) that says: this session gives its seat back."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    said = {"sid": session_id, "iat": int(now), "act": "return"}
    parts = [encode_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in ({"alg": "EdDSA"}, said)]
    signature = Ed25519PrivateKey.from_private_bytes(base64url(private)).sign(".".join(parts).encode())
    return ".".join((*parts, encode_base64url(signature)))


def session_of(text: str) -> str | None:
    """The session that a statement is about, whoever signed it; None when it is no statement."""
    try:
        said = json.loads(base64url(text.strip().split(".")[1]))
        return str(said["sid"]) if said["act"] == "return" else None
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None


def borrow(sitting: Sitting, how_long: dict[str, str]) -> Flow[tuple[Held, str]]:
    """Turns a seat into a borrowed one, kept on the disk; answers it with its return key. Raises the refusal; then the
    seat is as it was."""
    sitting.check()
    talk, held, key = sitting.talk, sitting.held, ReturnKey.generate()
    if held.lease.borrowed:
        raise UsherError("This seat is borrowed already; give it back first.")
    if not talk.state.write(_name(talk), {"return_key": key.private}, durable=True):
        raise UsherError("A borrowed seat must be kept on the disk, and the state directory cannot be written to.")
    try:
        new = yield from _lent(talk, held, {**how_long, "return_key": key.public})
    except UsherError as error:
        if not isinstance(error, Unavailable):  # else it may have been done, and the key is of use
            talk.state.remove(_name(talk))
        raise
    save(talk, new, key.private)
    sitting.seated(new)
    return new, key.private


def _lent(talk: Conversation, held: Held, body: dict[str, str]) -> Flow[Held]:
    """The borrowed session. When the answer of the first request was lost, the second finds the old session closed for
    being borrowed: then the seat that this machine has is the one we asked for."""
    call = calls.borrow(held.lease.session_id, held.lease.token, body)

    def ask() -> Flow[Held]:
        try:
            granted = calls.read_granted((yield from talk.call(call)))
        except SessionClosed as closed:
            if closed.reason != "borrowed":
                raise
            return (yield from talk.sit_down())
        return Held(granted, (yield from talk.trust(granted)))

    new = yield from talk.insist(ask)
    if not new.lease.borrowed:
        raise LeaseUntrusted("it is no borrowed one")
    return new


class Borrowed:
    """A borrowed seat on this machine's disk. Everything but giving it back works without a network."""

    def __init__(self, talk: Conversation, held: Held, return_key: str | None, sitting: Sitting | None = None) -> None:
        self._talk, self._clock, self._sitting = talk, talk.clock, sitting
        self._held, self._return_key = held, return_key
        self._opened = self._clock.wall() if sitting is None else float(held.lease.issued_at)
        self._opened_at = self._clock.steady()
        self._given_back = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} seat {self.number} until {self.until:%Y-%m-%d %H:%M}>"

    @property
    def lease(self) -> Lease:
        return self._held.lease

    @property
    def granted(self) -> Granted:
        return self._held.granted

    @property
    def number(self) -> int:
        return self.lease.seat

    @property
    def until(self) -> datetime:
        return datetime.fromtimestamp(self.lease.ends, timezone.utc)

    @property
    def remaining(self) -> timedelta:
        """None is left once it is over; it never is negative."""
        left = self.lease.ends - (self._opened + self._clock.steady() - self._opened_at)
        return timedelta(seconds=0 if self._given_back else max(left, 0.0))

    def check(self) -> None:
        """Raises `BorrowEnded` when the program may not work on. No I/O; setting the clock back does not help."""
        if not self.remaining:
            raise BorrowEnded()

    def sign_return(self) -> str:
        """Ends the borrowed seat here and answers the statement, some 250 characters, that gives it back elsewhere."""
        if self._given_back or self._return_key is None:
            raise BorrowEnded("This borrowed seat cannot be given back by a statement.")
        text = statement(self._return_key, self.lease.session_id, self._clock.wall())
        self._end()
        self._talk.state.write(_name(self._talk), {"statement": text}, durable=True)
        return text

    def giving_back(self) -> Flow[None]:
        """Raises `Unavailable` when Usher cannot be reached: then it is still borrowed."""
        if self._given_back:
            return
        call = calls.release(self.lease.session_id, self.lease.token, self._talk.timeout)

        def ask() -> Flow[None]:
            with suppress(SessionClosed, LeaseInvalid):
                calls.read((yield from self._talk.call(call)), 204)

        yield from self._talk.insist(ask)
        self._end()
        self._talk.state.remove(_name(self._talk))

    def _end(self) -> None:
        self._given_back = True
        self._talk.forget()
        if self._sitting is not None:
            self._sitting.end(BorrowEnded())
            self._sitting.tell()


def save(talk: Conversation, held: Held, return_key: str | None) -> None:
    record = {"lease": held.lease.token, "return_key": return_key, "seen": talk.clock.wall()}
    talk.state.write(_name(talk), record, durable=True)


def opened(talk: Conversation) -> tuple[Held, str | None]:
    """The seat that this machine borrowed, and its return key. Raises `NothingBorrowed`; `LeaseUntrusted` when it is
    another machine's, or the clock was set back; `BorrowEnded` after its end."""
    record = talk.state.read(_name(talk)) or {}
    try:
        held = talk.opened(record) if "lease" in record else talk.kept()
    except LeaseOver:
        raise BorrowEnded() from None
    if held is None or not held.lease.borrowed or "statement" in record:
        raise NothingBorrowed()
    key = record.get("return_key")
    key = key if isinstance(key, str) else None
    save(talk, held, key)  # with the time of this look: from now on the clock cannot be set back behind it
    return held, key


def kept_statement(talk: Conversation) -> str | None:
    """What `sign_return` answered last on this machine, for whoever lost the paper."""
    text: Any = (talk.state.read(_name(talk)) or {}).get("statement")
    return text if isinstance(text, str) else None


def _name(talk: Conversation) -> str:
    return f"borrowed-{talk.name}"
