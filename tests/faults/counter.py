"""What clients and the administrator say, each call recorded with what came of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from scripts.benchmarks.conversations import BASE, request
from tests.faults.history import GAVE_UP, MISSHAPEN, Call, History, Kind, Outcome
from tests.faults.links import Address
from tests.faults.talking import Heard, Voice

PATIENCE = 6.0
"""Seconds that a client waits for an answer."""


@dataclass
class Seat:
    """What a seated machine knows; `leases` are all that it was told, the newest last."""

    license: str
    machine: str
    session: str
    seat: int
    ends: float
    leases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Licence:
    name: str
    id: str
    key: str


class Counter:
    """Where calls are made and recorded: the APIs by name, the licences by name, one clock for all."""

    def __init__(self, history: History, apis: dict[str, Address], licenses: list[Licence], admin_key: str) -> None:
        self.history = history
        self.apis = apis
        self.licenses = {each.name: each for each in licenses}
        self._admin_key = admin_key
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds of the run."""
        return time.monotonic() - self._began

    async def acquire(self, teller: Teller, license: str, machine: str, **how: Any) -> tuple[Call, Seat | None]:
        body = {"license_key": self.licenses[license].key, "fingerprint": machine, "hostname": teller.client}
        asked = {"kind": Kind.ACQUIRE, "license": license, "machine": machine}
        call, said = await self._call(teller, request("POST", f"{BASE}/licenses/acquire", body), asked, **how)
        if call.outcome is not Outcome.OK:
            return call, None
        return call, Seat(license, machine, call.session, call.seat, call.ends, [said["lease"]])

    async def heartbeat(self, teller: Teller, seat: Seat, lease: str | None = None, **how: Any) -> Call:
        """With the newest lease unless another is given; the seat learns the answer."""
        headers = {"Authorization": f"Lease {lease or seat.leases[-1]}"}
        sent = request("PATCH", f"{BASE}/licenses/sessions/{seat.session}/heartbeat", headers=headers)
        call, said = await self._call(teller, sent, _about(seat, Kind.HEARTBEAT), **how)
        if call.outcome is Outcome.OK:
            seat.leases.append(said["lease"])
            seat.ends = max(seat.ends, call.ends)
        return call

    async def release(self, teller: Teller, seat: Seat, **how: Any) -> Call:
        headers = {"Authorization": f"Lease {seat.leases[-1]}"}
        sent = request("DELETE", f"{BASE}/licenses/sessions/{seat.session}", headers=headers)
        return (await self._call(teller, sent, _about(seat, Kind.RELEASE), **how))[0]

    async def change(self, teller: Teller, kind: Kind, license: str, seats: int = 0) -> Call:
        """The administrator suspends, reinstates or resizes."""
        body = {"reason": "the plan says so"} | ({"seats": seats} if seats else {})
        path = f"{BASE}/admin/licenses/{self.licenses[license].id}/{kind}"
        sent = request("POST", path, body, self._as_admin())
        return (await self._call(teller, sent, {"kind": kind, "license": license, "seats": seats}, patience=20))[0]

    async def evict(self, teller: Teller, seat: Seat) -> Call:
        sent = request("DELETE", f"{BASE}/admin/sessions/{seat.session}?reason=planned", headers=self._as_admin())
        return (await self._call(teller, sent, _about(seat, Kind.EVICT), patience=20))[0]

    async def ask(self, teller: Teller, path: str) -> tuple[int, Any]:
        """A question of the administrator, which is no part of the history; status 0 when nobody answers."""
        sent = request("GET", path, headers=self._as_admin())
        heard = await teller.voice.call(self.apis[teller.via], sent, patience=PATIENCE)
        return heard.status, orjson.loads(heard.body) if heard.status else None

    def _as_admin(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._admin_key}"}

    async def _call(
        self,
        teller: Teller,
        sent: bytes,
        asked: dict[str, Any],
        *,
        patience: float = PATIENCE,
        dawdle: float = 0.0,
        via: str = "",
    ) -> tuple[Call, Any]:
        via, begin = via or teller.via, self.now()
        heard = await teller.voice.call(self.apis[via], sent, patience=patience, dawdle=dawdle)
        end = self.now()
        asked |= {"client": teller.client, "via": via, "begin": begin, "end": end}
        found, said = self._understood(heard, is_hurried=patience < 1)
        call = Call(**asked | found)
        self.history.calls.append(call)
        return call, said

    def _understood(self, heard: Heard, *, is_hurried: bool) -> tuple[dict[str, Any], Any]:
        """The fields of the call that the answer gives, and the answer."""
        if not heard.status:
            silence = {"outcome": Outcome.UNKNOWN if heard.sent else Outcome.UNSENT}
            return silence | ({"code": GAVE_UP} if is_hurried else {}), None
        said = orjson.loads(heard.body) if heard.body else {}
        if heard.status < 300:
            return {"outcome": Outcome.OK, "status": heard.status} | self._granted(said), said
        refusal = said.get("error", {})
        is_whole = all(refusal.get(name) for name in ("code", "message", "docs", "request_id"))
        return {
            "outcome": Outcome.UNKNOWN if heard.status >= 500 else Outcome.REFUSED,
            "status": heard.status,
            "code": refusal["code"] if is_whole else MISSHAPEN,
            "reason": refusal.get("details", {}).get("reason", "") if heard.status == 410 else "",
        }, said

    def _granted(self, said: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "expires_at" in said and "lease" in said:
            told = datetime.fromisoformat(said["expires_at"]).timestamp()
            found["ends"] = told - time.time() + self.now()
        if "session_id" in said:
            found |= {"session": said["session_id"], "seat": said["seat"]}
        return found


class Teller:
    """Somebody who calls: over connections of its own, to the API `via` unless a call says otherwise."""

    def __init__(self, client: str, via: str) -> None:
        self.client = client
        self.via = via
        self.voice = Voice()


def _about(seat: Seat, kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind,
        "license": seat.license,
        "machine": seat.machine,
        "session": seat.session,
        "seat": seat.seat,
    }


async def until(holds: Any, seconds: float, pause: float = 0.2) -> bool:
    """Whether the (asynchronous) question is answered with yes within so many seconds."""
    deadline = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause)
    return True
