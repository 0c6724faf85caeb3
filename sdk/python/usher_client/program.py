"""What the clients for threads and for asyncio have in common: who asks, where, with what memory; how a seat looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from usher_client.borrowing import kept_statement
from usher_client.calls import Machine
from usher_client.clock import Clock
from usher_client.conversation import Conversation
from usher_client.fingerprint import checked, machine_fingerprint
from usher_client.sitting import Sitting
from usher_client.state_dir import StateDir, default_state_dir
from usher_client.status import Status
from usher_client.wire import Address


class Program:
    """A program with a licence key, towards one Usher. No network is used before something is asked.

    - `product`: the product's code. A lease or a licence file of another product is refused, and the fingerprint of
      this machine is another for each product.
    - `fingerprint`: names the machine, the same at each start (10–128 printable characters, taken as they are);
      default: `machine_fingerprint(product)`.
    - `user`, `hostname`, `platform`, `app_version`: what people are shown of this session. `user` is a must for plans
      that lease by user.
    - `on_change`: called with each new `Status` of a seat, from the background; what it raises is logged.
    - `state_dir`: where keys, the last lease and borrowed seats are kept (default: the user's own place for state).
      With `keep_lease` a program that starts without a network works on by the lease of its last run.
    - `keys`: the published key set, shipped with the program: no other keys are believed then.
    - `timeout`: seconds for a request; `patience`: seconds in which what the program waits for is tried again.
    - `http`: an httpx client of the program's own (proxies, certificates); it stays open.

    Raises `ValueError` for what cannot be right, and `FingerprintUnavailable`.
    """

    def __init__(
        self,
        server_url: str,
        license_key: str,
        *,
        product: str,
        fingerprint: str | None = None,
        user: str | None = None,
        hostname: str | None = None,
        platform: str | None = sys.platform,
        app_version: str | None = None,
        on_change: Callable[[Status], object] | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        keep_lease: bool = True,
        keys: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
        patience: float = 15.0,
        http: Any = None,
        clock: Clock | None = None,
    ) -> None:
        if not license_key.strip() or not product or timeout <= 0 or patience < 0:
            raise ValueError("a licence key, a product and a positive timeout are needed")
        directory = default_state_dir() if state_dir is None else state_dir
        made = checked(fingerprint) if fingerprint is not None else machine_fingerprint(product, directory)
        self._address = Address(server_url, http)
        self._on_change = on_change
        self._talk = Conversation(
            self._address.url,
            Machine(license_key.strip(), made, user, hostname, platform, app_version),
            product,
            clock=clock or Clock(),
            state=StateDir(directory),
            keep_lease=keep_lease,
            keys=keys,
            timeout=timeout,
            patience=patience,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._talk.product} at {self._address.url}>"

    @property
    def fingerprint(self) -> str:
        """What this machine is called towards Usher."""
        return self._talk.machine.fingerprint

    @property
    def return_statement(self) -> str | None:
        """What `BorrowedSeat.sign_return` answered last on this machine, should the copy be lost."""
        return kept_statement(self._talk)


class SeatFacts:
    """What a program may ask of its seat at any time, from any thread, without waiting."""

    _sitting: Sitting

    def __repr__(self) -> str:
        status = self.status
        return f"<{type(self).__name__} {status.seat}: {status.state.value}>"

    @property
    def status(self) -> Status:
        """How the seat stands, until when, and why."""
        return self._sitting.status

    @property
    def number(self) -> int:
        return self._sitting.held.lease.seat

    @property
    def session_id(self) -> str:
        return self._sitting.held.lease.session_id

    @property
    def features(self) -> Mapping[str, Any]:
        """The features of the plan, as the signed lease has them: `{"api": True, "projects": 10}`."""
        return self._sitting.held.lease.features

    @property
    def seats(self) -> tuple[int | None, int | None]:
        """(limit, used) when the seat was taken; None: no limit, or not known (started without a network)."""
        return self._sitting.held.granted.limit, self._sitting.held.granted.used

    @property
    def overage(self) -> bool:
        """Whether the seat was taken above the number that was bought."""
        return self._sitting.held.granted.overage

    def check(self) -> None:
        """Returns while the program may work; raises why not: a `SeatLost`, a `LicenseRefused`, `SeatsExhausted`, …,
        every one a `UsherError`. Call it as often as you like: it takes microseconds and asks nobody."""
        self._sitting.check()


def other_machine(fingerprint: str, **shown: str | None) -> dict[str, str]:
    """The body of a swap."""
    known = {name: value for name, value in shown.items() if value is not None}
    return {"fingerprint": checked(fingerprint), **known}
