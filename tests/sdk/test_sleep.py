"""A laptop is closed in the evening and opened in the morning, with the real Usher."""

from __future__ import annotations

import time

import httpx
import pytest
from usher_client import State
from usher_client.clock import Clock

from tests.sdk.conftest import ADMIN_KEY, WITHIN


class Laptop(Clock):
    """A clock that counts sleep, as `Clock` does on a real laptop."""

    slept = 0.0

    def wall(self) -> float:
        return super().wall() + self.slept

    def steady(self) -> float:
        return super().steady() + self.slept


@pytest.fixture
def night(api):
    """Call it: eight hours go by, for Usher and for the laptop."""

    def night(laptop: Laptop, seat) -> None:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        answer = httpx.post(f"{api.url}/api/v1/sandbox/clock", headers=headers, json={"advance": "PT8H"}, timeout=20)
        assert answer.is_success, answer.text
        before = seat._sitting.held.lease
        laptop.slept += 8 * 3600
        seat.check()  # the program works on before it has asked
        seat._wake.set()  # in place of the five seconds until it looks at its clocks
        deadline = time.monotonic() + WITHIN
        while seat._sitting.held.lease.issued_at < before.issued_at + 8 * 3600 - 60:
            seat.check()
            assert time.monotonic() < deadline, seat.status
            time.sleep(0.02)

    return night


@pytest.mark.parametrize("plan", ["studio-team", "starter"])
def test_a_night_is_not_noticed(sell, program_of, night, told, plan):
    laptop = Laptop()
    with program_of(sell(plan), user="ada", clock=laptop).acquire() as seat:
        first = seat.session_id
        night(laptop, seat)
        assert seat.status.state is State.SEATED and told.statuses == []
        assert seat.session_id == first or plan == "starter"


def test_after_a_night_in_which_somebody_else_needed_the_seat_the_program_says_so(sell, program_of, night, told, api):
    laptop, sold = Laptop(), sell("starter", seats=1)
    with program_of(sold, clock=laptop).acquire() as seat:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        httpx.post(f"{api.url}/api/v1/sandbox/clock", headers=headers, json={"advance": "PT8H"}, timeout=20)
        with program_of(sold, "machine-of-bob", on_change=None).acquire():
            laptop.slept += 8 * 3600
            seat._wake.set()
            assert told.until(State.LOST).error.code == "seats_exhausted"
        seat.renew()
        told.until(State.SEATED)
