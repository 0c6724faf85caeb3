"""The client for asyncio: `async with AsyncLicenseClient(...).acquire() as seat:`."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from usher_client import borrowing
from usher_client.acquiring import acquire, seconds
from usher_client.calls import Validation
from usher_client.flow import Flow, run_async
from usher_client.program import Program, SeatFacts, other_machine
from usher_client.sitting import Sitting
from usher_client.wire import Address, AsyncWire

T = TypeVar("T")
log = logging.getLogger("usher_client")

_PATIENCE = 5.0  # seconds for giving a seat back
_AT_EXIT = 2.0  # ... when the event loop ends


async def _run(address: Address, flow: Flow[T]) -> T:
    async with AsyncWire(address) as wire:
        return await run_async(flow, wire.send, asyncio.sleep)


class AsyncLicenseClient(Program):
    __doc__ = Program.__doc__

    def acquire(self, *, wait: float | timedelta = 0, on_place: Callable[[int], object] | None = None) -> Acquiring:
        """As `LicenseClient.acquire`: `seat = await client.acquire()`, or `async with client.acquire() as seat:`.

        A task that is cancelled while it waits in line leaves the queue.
        """
        rest = seconds(wait)

        async def sit_down() -> AsyncSeat:
            flow = acquire(self._talk, wait=rest, on_place=on_place, on_change=self._on_change)
            return AsyncSeat(self._address, await self._run(flow))

        return Acquiring(sit_down)

    async def validate(self) -> Validation:
        """Whether the key is good, without taking a seat. Raises `Unavailable`, `RateLimited`."""
        return await self._run(self._talk.validate())

    async def read_license_file(self, file: bytes | str | os.PathLike[str]) -> dict[str, Any]:
        """The licence that a file (its content as bytes, or its path) proves. As `LicenseClient.read_license_file`."""
        return await self._run(self._talk.read_file(file if isinstance(file, bytes) else Path(file).read_bytes()))

    def open_borrowed(self) -> AsyncBorrowedSeat:
        """The seat that this machine has borrowed; no network. As `LicenseClient.open_borrowed`."""
        return AsyncBorrowedSeat(self._address, self._talk, *borrowing.opened(self._talk))

    async def hand_in(self, statement: str) -> None:
        """Gives back the borrowed seat of another machine, by the statement that it signed."""
        await self._run(self._talk.hand_in(statement.strip()))

    async def _run(self, flow: Flow[T]) -> T:
        return await _run(self._address, flow)


class Acquiring(Awaitable["AsyncSeat"]):
    """A seat that was asked for: to be awaited, or entered."""

    def __init__(self, sit_down: Callable[[], Coroutine[Any, Any, AsyncSeat]]) -> None:
        self._sit_down = sit_down
        self._seat: AsyncSeat | None = None

    def __await__(self) -> Generator[Any, None, AsyncSeat]:
        return self._sit_down().__await__()

    async def __aenter__(self) -> AsyncSeat:
        self._seat = await self._sit_down()
        return self._seat

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._seat is not None:
            await self._seat.release()


class AsyncSeat(SeatFacts):
    """A seat, and the task that keeps it. No heartbeat can break the program: what goes wrong is in `status`."""

    def __init__(self, address: Address, sitting: Sitting) -> None:
        self._address, self._sitting = address, sitting
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name="usher-seat")

    async def __aenter__(self) -> AsyncSeat:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.release()

    def renew(self) -> None:
        """Asks Usher at once, in the background: the network is back, or the user pressed "try again"."""
        self._sitting.ask_now()
        self._wake.set()

    async def release(self, timeout: float = _PATIENCE) -> bool:
        """Gives the seat back and ends the task. As `Seat.release`; a cancelled caller does not stop it."""
        self._sitting.ask_to_leave()
        self._sitting.tell()
        self._wake.set()
        self._ending = asyncio.ensure_future(self._end(timeout))
        return await asyncio.shield(self._ending)

    async def borrow(self, days: float | None = None, *, until: datetime | None = None) -> AsyncBorrowedSeat:
        """Keeps the seat for days without a network, on this machine's disk. As `Seat.borrow`."""
        how_long = borrowing.terms(days, until)
        async with self._turn:
            held, key = await _run(self._address, borrowing.borrow(self._sitting, how_long))
        self._sitting.tell()
        return AsyncBorrowedSeat(self._address, self._sitting.talk, held, key, self._sitting)

    async def swap(
        self,
        fingerprint: str,
        *,
        hostname: str | None = None,
        platform: str | None = None,
        app_version: str | None = None,
    ) -> int:
        """Moves the seat to another machine; answers the seat's number. As `Seat.swap`."""
        machine = other_machine(fingerprint, hostname=hostname, platform=platform, app_version=app_version)
        async with self._turn:
            seat = await _run(self._address, self._sitting.swap(machine))
        await self.release()
        return seat

    async def _keep(self) -> None:
        try:
            while not self._sitting.over:
                await self._look()
        except asyncio.CancelledError:  # the loop ends and nobody released the seat
            self._sitting.ask_to_leave()
            self._sitting.tell()
            await self._leave(_AT_EXIT)
            raise

    async def _look(self) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._sitting.pause())
        self._wake.clear()
        try:
            async with self._turn:
                await _run(self._address, self._sitting.turn())
            self._sitting.tell()
        except Exception:
            log.exception("a heartbeat failed in this client; it is tried again")

    async def _end(self, timeout: float) -> bool:
        """A heartbeat under way may finish within `timeout`: it could just be getting a new seat."""
        if asyncio.current_task() is not self._task:
            await asyncio.wait([self._task], timeout=timeout)
        told = await self._leave(timeout)
        self._task.cancel()
        await asyncio.wait([self._task])
        return told

    async def _leave(self, patience: float) -> bool:
        try:
            return await asyncio.wait_for(_run(self._address, self._sitting.leave(patience)), patience * 2)
        except asyncio.TimeoutError:
            return False
        except Exception:
            log.exception("the seat could not be given back, it lapses by itself")
            return False


class AsyncBorrowedSeat(borrowing.Borrowed):
    """A seat held offline. `async with client.open_borrowed() as seat:` reads as with an ordinary one, and keeps it."""

    def __init__(self, address: Address, *facts: Any) -> None:
        super().__init__(*facts)
        self._address = address

    async def __aenter__(self) -> AsyncBorrowedSeat:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        return None

    async def give_back(self) -> None:
        """Before its end; raises `Unavailable` when Usher cannot be reached: then it is still borrowed."""
        await _run(self._address, self.giving_back())
