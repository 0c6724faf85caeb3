"""What a program says to Usher: sit down, is this key good, is this file good. Flows, without I/O."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from usher_client import calls
from usher_client.calls import Granted, Machine, Validation
from usher_client.clock import Backoff, Clock
from usher_client.errors import (
    InvalidRequest,
    LeaseUntrusted,
    LicenseFileInvalid,
    LicenseKeyInvalid,
    LicenseRefused,
    RateLimited,
    SeatsExhausted,
    Unavailable,
)
from usher_client.flow import Call, Flow, Pause
from usher_client.keyring import KeyRing
from usher_client.keys import UnknownKey
from usher_client.lease import CLOCK_TOLERANCE, Lease, read_lease
from usher_client.license_file import read_license_file
from usher_client.state_dir import StateDir

T = TypeVar("T")

log = logging.getLogger("usher_client")
_HURRY = 3.0
"""Seconds of asking again before a program with a good lease from its last run starts without Usher."""


class Held(NamedTuple):
    """A seat and the lease that proves it."""

    granted: Granted
    lease: Lease


class Conversation:
    """One program's dealings with one Usher. `timeout` (seconds) is for each request; within `patience` (seconds) a
    request that met a passing fault is made again."""

    def __init__(
        self,
        server_url: str,
        machine: Machine,
        product: str,
        *,
        clock: Clock,
        state: StateDir,
        keep_lease: bool = True,
        keys: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
        patience: float = 15.0,
    ) -> None:
        self.machine, self.product = machine, product
        self.clock, self.state = clock, state
        self.timeout, self.patience = timeout, patience
        self.keys = KeyRing(clock, state, f"keys-{_digest(server_url)[:16]}", keys)
        self.name = _digest(server_url, _folded(machine.license_key), machine.fingerprint)[:32]
        self._kept = f"seat-{self.name}" if keep_lease else None

    # --- asking ---

    def call(self, call: Call) -> Flow[Any]:
        return (yield call._replace(patience=min(call.patience, self.timeout)))

    def insist(self, ask: Callable[[], Flow[T]], patience: float | None = None) -> Flow[T]:
        """What `ask` comes to, asked again after a passing fault; the last fault when there is no more time."""
        ends = self.clock.steady() + (self.patience if patience is None else patience)
        backoff = Backoff(self.clock, first=0.5, longest=5.0)
        while True:
            try:
                return (yield from ask())
            except (Unavailable, RateLimited) as fault:
                pause = backoff.next(fault.retry_after)
                if self.clock.steady() + pause >= ends:
                    raise
                log.debug("asking Usher again in %.1f s: %s", pause, fault.code)
            yield Pause(pause)

    # --- seats ---

    def sit_down(self) -> Flow[Held]:
        """One request for a seat: the one this machine has, or a new one."""
        granted = calls.read_granted((yield from self.call(calls.acquire(self.machine))))
        return Held(granted, (yield from self.trust(granted)))

    def trust(self, granted: Granted) -> Flow[Lease]:
        """The lease of a seat that Usher answered just now. Raises `LeaseUntrusted`, `Unavailable`.

        Its times are not compared with this machine's clock: many a clock is wrong, and Usher just said what holds.
        """
        try:
            lease = yield from self.keys.holding(lambda keys: read_lease(granted.lease, keys))
        except UnknownKey:
            raise LeaseUntrusted("it was signed by an unknown key") from None
        lease.check_holder(self.machine.fingerprint, self.product)
        if (lease.session_id, lease.seat) != (granted.session_id, granted.seat) or lease.expires <= lease.issued_at:
            raise LeaseUntrusted("it is of another session")
        return lease

    def first_seat(self) -> Flow[tuple[Held, bool]]:
        """The seat that a program starts with, and whether Usher itself said so; else it is the one of the last run,
        whose lease still holds. Raises the refusal, or `Unavailable`."""
        kept = self.kept()
        patience = self.patience if kept is None else min(self.patience, _HURRY)
        try:
            return (yield from self.insist(self.sit_down, patience)), True
        except (Unavailable, RateLimited):
            if kept is None:
                raise
            return kept, False
        except (LicenseRefused, LicenseKeyInvalid, SeatsExhausted):
            self.forget()
            raise

    # --- the lease of the last run ---

    def keep(self, held: Held) -> None:
        if self._kept:
            record = {"lease": held.lease.token, "interval": held.granted.interval, "seen": self.clock.wall()}
            self.state.write(self._kept, record)

    def kept(self) -> Held | None:
        """The lease of the last run, if it holds for this machine now and its clock was not set back since."""
        record = self.state.read(self._kept) if self._kept else None
        if record is None:
            return None
        try:
            return self.opened(record)
        except LeaseUntrusted as problem:
            log.debug("the lease of the last run is of no use: %s", problem.reason)
            return None

    def opened(self, record: Mapping[str, Any]) -> Held:
        """A lease from the disk, checked in every respect. `LeaseUntrusted`."""
        now, seen = self.clock.wall(), record.get("seen")
        try:
            lease = self.keys.now(lambda keys: read_lease(record.get("lease"), keys))
        except UnknownKey:
            raise LeaseUntrusted("it was signed by an unknown key") from None
        lease.check_holder(self.machine.fingerprint, self.product)
        lease.check_time(now)
        if isinstance(seen, (int, float)) and now < seen - CLOCK_TOLERANCE:
            raise LeaseUntrusted("this machine's clock was set back")
        interval = record.get("interval")
        interval = float(interval) if isinstance(interval, (int, float)) and 1 <= interval <= 86_400 else 60.0
        return Held(Granted(lease.session_id, lease.seat, lease.token, interval, None, None, False), lease)

    def forget(self) -> None:
        if self._kept:
            self.state.remove(self._kept)

    # --- questions ---

    def validate(self) -> Flow[Validation]:
        """Whether the key is good here and now; a bad key is an answer, no error."""
        question = calls.validate(self.machine, self.product)

        def ask() -> Flow[Validation]:
            return calls.read_validation((yield from self.call(question)))

        return (yield from self.insist(ask))

    def read_file(self, file: bytes) -> Flow[dict[str, Any]]:
        """The licence that a licence file proves on this machine now; asks Usher for an unknown key only."""
        try:
            return (yield from self.keys.holding(lambda keys: self._read_file(file, keys)))
        except UnknownKey:
            raise LicenseFileInvalid("it was signed by an unknown key") from None

    def _read_file(self, file: bytes, keys: Any) -> dict[str, Any]:
        fingerprint = self.machine.fingerprint
        return read_license_file(file, keys, now=self.clock.wall(), product=self.product, fingerprint=fingerprint)

    def hand_in(self, statement: str) -> Flow[None]:
        """Gives back a borrowed seat of a machine without a network, by the statement that it signed."""
        from usher_client.borrowing import session_of

        session_id = session_of(statement)
        if session_id is None:
            raise InvalidRequest("This is no statement of a returned seat.")

        def ask() -> Flow[None]:
            calls.read((yield from self.call(calls.hand_in(session_id, statement))), 204)

        yield from self.insist(ask)


def _digest(*parts: str) -> str:
    """Names a file after a secret without giving it away: a licence key has over 95 unknown bits."""
    return hashlib.sha256("\0".join(("usher", *parts)).encode()).hexdigest()


def _folded(license_key: str) -> str:
    """The same for every spelling of a key that Usher forgives."""
    return license_key.upper().translate(str.maketrans("OIL", "011", " -\t\r\n"))
