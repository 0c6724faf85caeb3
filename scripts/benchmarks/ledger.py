"""Who holds which seat, as the clients know it: the benchmark's own check that no seat is ever held twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from scripts.benchmarks.conversations import acquire_request, seated
from scripts.benchmarks.load import Conversation, Unexpected


class Ledger:
    """For clients of one event loop: a seat is held from the answer that grants it until its release is sent."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], str] = {}
        self.granted = self.refused = 0

    def take(self, license_key: str, seat: int, session: str) -> None:
        """Raises `Unexpected` when somebody else holds the seat."""
        other = self._held.setdefault((license_key, seat), session)
        if other != session:
            raise Unexpected(f"seat {seat} was given to session {session} while session {other} holds it")
        self.granted += 1

    def leave(self, license_key: str, seat: int) -> None:
        del self._held[license_key, seat]


def sittings(license_key: str, machines: Iterator[int], ledger: Ledger, *, contested: bool = False) -> Conversation:
    """A machine sits down and gets up, then the next one; where seats are contested it may be refused instead."""
    for machine in machines:
        answer = yield acquire_request(license_key, machine)
        if contested and answer.status == 429 and b"seats_exhausted" in answer.raw:
            ledger.refused += 1
            continue
        session, told = seated(answer), _told(answer.body)
        ledger.take(license_key, told["seat"], told["session_id"])
        release = session.release()
        ledger.leave(license_key, told["seat"])
        answer = yield release
        if answer.status != 204:
            raise Unexpected.of(answer)


def _told(body: bytes) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(body)
    return told
