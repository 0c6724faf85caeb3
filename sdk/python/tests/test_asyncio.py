"""The same seat for asyncio. What both clients share is tested once, elsewhere; here is what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from office import Fault
from stand_in import KEY

from usher_client import (
    AsyncLicenseClient,
    BorrowEnded,
    LicenseSuspended,
    NothingBorrowed,
    SeatReleased,
    SeatsExhausted,
    State,
    Unavailable,
    WaitedInVain,
)


@pytest.fixture
def program(office, options) -> Callable[..., AsyncLicenseClient]:
    return lambda **other: AsyncLicenseClient(office.url, other.pop("license_key", KEY), **{**options, **other})


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a story in an event loop of its own, which must be empty at the end."""

    async def run() -> None:
        await asyncio.wait_for(story(), 30)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []

    asyncio.run(run())


async def seen(engine, method: str, word: str, times: int = 1) -> None:
    await asyncio.to_thread(engine.wait_for, method, word, times)


def test_a_program_sits_works_and_leaves(program, engine):
    async def story():
        async with program().acquire() as seat:
            seat.check()
            assert (seat.number, seat.status.state, repr(seat)) == (1, State.SEATED, "<AsyncSeat 1: seated>")
            assert len(engine.open()) == 1
            seat.renew()
            await seen(engine, "PATCH", "heartbeat")
        assert engine.open() == []
        with pytest.raises(SeatReleased):
            seat.check()

    play(story)


def test_a_seat_may_be_awaited_and_released_by_hand_twice(program, engine):
    async def story():
        seat = await program().acquire()
        async with seat:
            pass
        assert await seat.release() is True
        assert await seat.release() is True
        assert engine.seen("DELETE", "sessions") == 1

    play(story)


def test_the_seat_is_given_back_when_the_program_fails(program, engine, office):
    async def story():
        with pytest.raises(ZeroDivisionError):
            async with program().acquire():
                _ = 1 / 0
        assert engine.open() == []
        with pytest.raises(ZeroDivisionError):
            async with program().acquire():
                office.close()
                _ = 1 / 0

    play(story)


def test_a_cancelled_program_gives_its_seat_back(program, engine):
    async def story():
        sat = asyncio.Event()

        async def work():
            async with program().acquire():
                sat.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await sat.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.open() == []

    play(story)


def test_a_loop_that_ends_gives_back_what_nobody_released(program, engine):
    async def story():
        await program().acquire()

    asyncio.run(story())
    assert engine.open() == []


def test_a_lost_session_is_taken_again_and_a_suspension_is_told(program, engine, told):
    async def story():
        async with program().acquire() as seat:
            engine.close("expired")
            seat.renew()
            await seen(engine, "POST", "acquire", 2)
            engine.status = "suspended"
            engine.close("suspended")
            seat.renew()
            await asyncio.to_thread(told.until, State.SUSPENDED)
            with pytest.raises(LicenseSuspended):
                seat.check()
            engine.status = "active"
            seat.renew()
            await asyncio.to_thread(told.until, State.SEATED)

    play(story)


def test_an_outage_is_lived_through_offline(program, engine, office, told):
    async def story():
        async with program().acquire() as seat:
            office.close()
            seat.renew()
            await asyncio.to_thread(told.until, State.OFFLINE)
            seat.check()
            office.open()
            seat.renew()
            await asyncio.to_thread(told.until, State.SEATED)

    play(story)


def test_a_callback_that_raises_is_contained(program, engine, caplog):
    def stop(status):
        raise RuntimeError("the window is closed")

    async def story():
        async with program(on_change=stop).acquire() as seat:
            engine.status = "suspended"
            engine.close("suspended")
            seat.renew()
            await seen(engine, "POST", "acquire", 3)

    play(story)
    assert "on_change raised" in caplog.text


def test_a_release_during_a_heartbeat_that_hangs_leaves_no_task_behind(program, engine, office):
    async def story():
        seat = await program().acquire()
        office.flowing.clear()
        seat.renew()
        await seen(engine, "PATCH", "heartbeat")
        assert await seat.release(timeout=0.2) is False
        office.flowing.set()

    play(story)


def test_a_program_waits_in_line_and_a_cancelled_one_leaves_it(program, engine):
    engine.limit, engine.has_queue = 1, True

    async def story():
        holder = await program(fingerprint="fingerprint-of-bob").acquire()
        with pytest.raises(SeatsExhausted):
            await program().acquire()
        with pytest.raises(WaitedInVain):
            await program().acquire(wait=0.05)
        waiting = asyncio.ensure_future(program().acquire(wait=60))
        await seen(engine, "GET", "wait=25")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert engine.waiting() == []
        waiting = asyncio.ensure_future(program().acquire(wait=60))
        await seen(engine, "GET", "wait=25", 2)
        await holder.release()
        async with await waiting as seat:
            assert seat.number == 1

    play(story)


def test_a_seat_is_borrowed_opened_and_given_back(program, engine, office):
    async def story():
        async with program().acquire() as seat:
            await seat.borrow(days=2)
        office.close()
        async with program().open_borrowed() as borrowed:
            borrowed.check()
            with pytest.raises(Unavailable):
                await borrowed.give_back()
        office.open()
        await borrowed.give_back()
        assert engine.open() == []
        with pytest.raises(BorrowEnded):
            borrowed.check()
        with pytest.raises(NothingBorrowed):
            program().open_borrowed()
        async with program().acquire() as seat:
            statement = (await seat.borrow(days=1)).sign_return()
        await program().hand_in(statement)
        assert engine.open() == []

    play(story)


def test_a_seat_moves_to_another_machine(program, engine):
    async def story():
        seat = await program().acquire()
        assert await seat.swap("fingerprint-of-bob") == 1
        assert [session.fingerprint for session in engine.open()] == ["fingerprint-of-bob"]

    play(story)


def test_questions_and_faults_are_as_with_threads(program, engine, office, tmp_path):
    async def story():
        office.faults += [Fault(on="validate"), Fault(on="validate", status=503)]
        assert (await program().validate()).code == "VALID"
        path = tmp_path / "licence.json"
        path.write_text("{}")
        with pytest.raises(Exception, match="licence file"):
            await program().read_license_file(path)
        office.close()
        with pytest.raises(Unavailable):
            await program().validate()

    play(story)
