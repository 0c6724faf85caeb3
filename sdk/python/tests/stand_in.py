"""A small Usher for the tests of the client: the seat part of the contract, in memory; `office.py` puts it on HTTP. It
follows the contract's page, not Usher's code; tests/sdk/ runs the same client against the real one."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = "CODI-7K2QX-M9D4R-00FZT-8WHVC-N3PJ5"
LICENSE_ID = "0199c1a2-0000-7000-8000-000000000001"


def encoded(value: bytes | dict[str, Any]) -> str:
    raw = json.dumps(value).encode() if isinstance(value, dict) else value
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(fingerprint: str) -> str:
    return encoded(hashlib.sha256(fingerprint.encode()).digest())


class SigningKey:
    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.kid = encoded(hashlib.sha256(self.private.public_key().public_bytes_raw()).digest())[:16]

    def jwk(self) -> dict[str, str]:
        x = encoded(self.private.public_key().public_bytes_raw())
        return {"crv": "Ed25519", "kty": "OKP", "x": x, "kid": self.kid, "alg": "EdDSA", "use": "sig"}

    def jwt(self, claims: dict[str, Any], **header: Any) -> str:
        signed = f"{encoded({'alg': 'EdDSA', 'typ': 'JWT', 'kid': self.kid, **header})}.{encoded(claims)}"
        return f"{signed}.{encoded(self.private.sign(signed.encode()))}"


class Refused(Exception):
    def __init__(self, status: int, code: str, retry_after: int | None = None, **details: Any) -> None:
        self.status, self.code, self.retry_after, self.details = status, code, retry_after, details


@dataclass
class Session:
    id: str
    seat: int
    fingerprint: str
    closed: str | None = None
    until: int | None = None
    return_key: str | None = None


@dataclass
class Ticket:
    id: str
    secret: str
    fingerprint: str
    closed: str | None = None


class Engine:
    """What a licence server knows. `rewrite(claims)` edits leases before they are signed."""

    def __init__(self) -> None:
        self.limit, self.status, self.has_queue, self.has_borrow = 3, "active", False, True
        self.lease, self.interval, self.grace, self.poll_within = 360, 300.0, 1800, 60
        self.ahead = 0.0
        self.keys = [SigningKey()]
        self.sessions: dict[str, Session] = {}
        self.tickets: list[Ticket] = []
        self.rewrite: Any = lambda claims: claims
        self.changed = threading.Condition(threading.RLock())
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.credentials: list[str] = []

    # --- for tests ---

    def now(self) -> float:
        return time.time() + self.ahead

    def close(self, reason: str) -> None:
        with self.changed:
            for session in self.open():
                session.closed = reason
            self.changed.notify_all()

    def open(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.closed is None]

    def waiting(self) -> list[Ticket]:
        return [ticket for ticket in self.tickets if ticket.closed is None]

    def seen(self, method: str, word: str) -> int:
        return sum(1 for each, path in self.requests if each == method and word in path)

    def wait_for(self, method: str, word: str, times: int = 1, within: float = 10) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.seen(method, word) >= times, within), self.requests

    # --- the contract ---

    def answer(
        self, method: str, path: str, credential: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any] | None]:
        path, _, query = path.partition("?")
        if path == "/.well-known/usher-keys.json":
            return 200, {"keys": [key.jwk() for key in self.keys]}
        parts = path.removeprefix("/api/v1/licenses").strip("/").split("/")
        with self.changed:
            self.changed.notify_all()
            if parts[0] == "sessions":
                return self._on_session(method, parts, credential, body)
            if parts[0] == "queue" and len(parts) == 2:
                return self._on_ticket(method, parts[1], credential, query)
            return getattr(self, f"_{parts[0]}")(body)

    def _validate(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body["license_key"] != KEY:
            return 200, {"valid": False, "code": "NOT_FOUND", "license": None}
        valid = self.status == "active"
        return 200, {"valid": valid, "code": "VALID" if valid else self.status.upper(), "license": {"id": LICENSE_ID}}

    def _acquire(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self._check(body)
        mine = next((each for each in self.open() if each.fingerprint == body["fingerprint"]), None)
        if mine:
            return 200, self.granted(mine)
        free = self._free()
        first = next((ticket.fingerprint for ticket in self.waiting()), body["fingerprint"])
        if not free or first != body["fingerprint"]:
            details = {"limit": self.limit, "used": len(self.open()), "axis": "license"}
            raise Refused(429, "seats_exhausted", 30, **details, **({"queue": True} if self.has_queue else {}))
        for ticket in self.waiting():
            if ticket.fingerprint == body["fingerprint"]:
                ticket.closed = "collected"
        return 201, self.granted(self.seat(body["fingerprint"], free[0]))

    def _queue(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self._check(body)
        if not self.has_queue:
            raise Refused(409, "queue_not_offered")
        ticket = Ticket(str(uuid.uuid4()), f"ticket-{uuid.uuid4().hex}", body["fingerprint"])
        self.tickets.append(ticket)
        return 201, {**self._place(ticket), "ticket": ticket.secret}

    def _on_ticket(self, method: str, id: str, credential: str, query: str) -> tuple[int, dict[str, Any] | None]:
        ticket = next((each for each in self.tickets if each.id == id), None)
        if ticket is None or credential != f"Ticket {ticket.secret}":
            raise Refused(401, "ticket_invalid")
        if method == "DELETE":
            ticket.closed = ticket.closed or "left"
            self.changed.notify_all()
            return 204, None
        wait, before = float(query.removeprefix("wait=")), self._place(ticket)
        self.changed.wait_for(
            lambda: ticket.closed or self._place(ticket) != before or before["state"] == "ready", wait
        )
        if ticket.closed:
            raise Refused(410, "ticket_closed", reason=ticket.closed)
        return 200, self._place(ticket)

    def _on_session(
        self, method: str, parts: list[str], credential: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any] | None]:
        session = self.sessions.get(parts[1])
        if parts[-1] == "return":
            assert session
            return self._returned(session, body["statement"])
        if session is None or not self._is_lease_of(session, credential):
            raise Refused(401, "lease_invalid")
        if method == "DELETE":
            session.closed = session.closed or "released"
            self.changed.notify_all()
            return 204, None
        if session.closed and not (parts[-1] == "swap" and session.closed == "swapped"):
            raise Refused(410, "session_closed", reason=session.closed)
        if parts[-1] == "heartbeat":
            renewed = self.granted(session)
            return 200, {name: renewed[name] for name in ("lease", "expires_at", "heartbeat_interval")}
        return getattr(self, f"_{parts[-1]}")(session, body)

    def _swap(self, session: Session, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        session.closed = "swapped"
        return 201, self.granted(self.seat(body["fingerprint"], session.seat))

    def _borrow(self, session: Session, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not self.has_borrow:
            raise Refused(409, "borrow_not_offered")
        days = int(body["duration"].removeprefix("P").removesuffix("D"))
        if days > 7:
            raise Refused(422, "invalid_request", fields=[{"field": "duration", "message": "at most P7D"}])
        session.closed = "borrowed"
        lent = self.seat(session.fingerprint, session.seat)
        lent.until, lent.return_key = int(self.now()) + days * 86_400, body.get("return_key")
        return 201, self.granted(lent)

    def _returned(self, session: Session, statement: str) -> tuple[int, None]:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        signed, _, signature = statement.rpartition(".")
        header, said = (json.loads(decoded(part)) for part in signed.split("."))
        assert header["alg"] == "EdDSA" and said["act"] == "return" and said["sid"] == session.id
        assert abs(said["iat"] - self.now()) < 60 and session.return_key
        key = Ed25519PublicKey.from_public_bytes(decoded(session.return_key))
        key.verify(decoded(signature), signed.encode())
        session.closed = "released"
        return 204, None

    # --- its facts ---

    def seat(self, fingerprint: str, number: int) -> Session:
        session = Session(str(uuid.uuid4()), number, fingerprint)
        self.sessions[session.id] = session
        return session

    def granted(self, session: Session) -> dict[str, Any]:
        return {
            "session_id": session.id,
            "seat": session.seat,
            "lease": self.keys[0].jwt(self.rewrite(self.claims(session))),
            "expires_at": "2030-01-01T00:00:00Z",
            "heartbeat_interval": self.interval,
            "seats": {"limit": self.limit, "used": len(self.open())},
            "overage": False,
        }

    def claims(self, session: Session) -> dict[str, Any]:
        claims = {
            "sid": session.id,
            "lic": LICENSE_ID,
            "seat": session.seat,
            "fp": digest(session.fingerprint),
            "ver": 1,
            "iat": int(self.now()),
            "exp": session.until or int(self.now()) + self.lease,
            "grace": 0 if session.until else self.grace,
            "product": "coditect",
            "features": {"api": True, "projects": 10},
        }
        return {**claims, "bor": True} if session.until else claims

    def _check(self, body: dict[str, Any]) -> None:
        known = {"license_key", "fingerprint", "hostname", "platform", "app_version", "user"}
        if not set(body) <= known:
            raise Refused(422, "invalid_request", fields=[{"field": "body", "message": "unknown"}])
        if body["license_key"] != KEY:
            raise Refused(401, "license_key_invalid")
        if self.status != "active":
            raise Refused(403, f"license_{self.status}")

    def _free(self) -> list[int]:
        return sorted(set(range(1, self.limit + 1)) - {session.seat for session in self.open()})

    def _place(self, ticket: Ticket) -> dict[str, Any]:
        place = self.waiting().index(ticket) + 1 if ticket in self.waiting() else 1
        state = "ready" if place <= len(self._free()) else "waiting"
        end = "2030-01-01T00:00:00Z" if state == "ready" else None
        common = {"ticket_id": ticket.id, "state": state, "place": place}
        return {**common, "poll_within": self.poll_within, "collect_until": end}

    def _is_lease_of(self, session: Session, credential: str) -> bool:
        signed, _, signature = credential.removeprefix("Lease ").rpartition(".")
        if json.loads(decoded(signed.partition(".")[2]))["sid"] != session.id:
            return False
        return any(encoded(key.private.sign(signed.encode())) == signature for key in self.keys)
