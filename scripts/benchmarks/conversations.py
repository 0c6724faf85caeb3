"""What clients say to Usher, and in the very same words to the yardstick."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import orjson

from scripts.benchmarks.load import Answer, Conversation, Unexpected

BASE = "/api/v1"


def request(method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> bytes:
    """The bytes of a request; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    given = [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *given]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(slots=True)
class Session:
    """A seated client and its newest lease."""

    path: str
    lease: bytes

    def heartbeat(self) -> bytes:
        return b"PATCH %s/heartbeat HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Lease %s\r\n\r\n" % (
            self.path.encode(),
            self.lease,
        )

    def release(self) -> bytes:
        return b"DELETE %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Lease %s\r\n\r\n" % (
            self.path.encode(),
            self.lease,
        )


def acquire_request(license_key: str, machine: int) -> bytes:
    """As a desktop client asks; each machine has a fingerprint of its own, since limits count per fingerprint."""
    fingerprint = hashlib.sha256(b"machine %d" % machine).hexdigest()
    body = {
        "license_key": license_key,
        "fingerprint": fingerprint,
        "hostname": f"desk-{machine}",
        "platform": "linux",
        "app_version": "4.2.0",
    }
    return request("POST", f"{BASE}/licenses/acquire", body)


def seated(answer: Answer) -> Session:
    """The session that an acquire granted. Raises `Unexpected` for anything but 201."""
    content: dict[str, Any] = orjson.loads(_only(answer, 201).body)
    return Session(f"{BASE}/licenses/sessions/{content['session_id']}", content["lease"].encode())


def heartbeats(sessions: Sequence[Session]) -> Conversation:
    """One after the other, round and round, each with the lease that its last heartbeat answered."""
    for session in cycle(sessions):
        answer = yield session.heartbeat()
        raw = _only(answer, 200).raw
        began = raw.index(b'"lease":"') + 9
        session.lease = raw[began : raw.index(b'"', began)]


def sittings(license_key: str, machines: Iterator[int]) -> Conversation:
    """A machine sits down and gets up, then the next one."""
    for machine in machines:
        session = seated((yield acquire_request(license_key, machine)))
        _only((yield session.release()), 204)


def repeated(requests: Iterator[bytes], *, saying: bytes = b"") -> Conversation:
    """One request after the other, each answered 200 with `saying` somewhere in it."""
    for each in requests:
        if saying not in _only((answer := (yield each)), 200).raw:
            raise Unexpected.of(answer)


def bare_heartbeat_request(session: Session) -> bytes:
    """To the yardstick only: what a heartbeat says, in a body."""
    said = {"session_id": session.path.rpartition("/")[2], "lease": session.lease.decode()}
    return request("POST", "/bare/heartbeat", said)


def validate_request(license_key: str) -> bytes:
    return request("POST", f"{BASE}/licenses/validate", {"license_key": license_key})


def _only(answer: Answer, status: int) -> Answer:
    if answer.status != status:
        raise Unexpected.of(answer)
    return answer
