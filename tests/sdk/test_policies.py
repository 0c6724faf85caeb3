"""The Python client's stories with plans that share their seats out: queue, borrow, swap, people, resume."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from usher_client import (
    BorrowEnded,
    BorrowExhausted,
    BorrowNotOffered,
    Conflict,
    InvalidRequest,
    LicenseClient,
    NothingBorrowed,
    SeatsExhausted,
    State,
    UsherError,
    WaitedInVain,
)


def used(client: LicenseClient) -> int:
    return client.validate().license["seats"]["used"]


class TestTheQueue:
    @pytest.fixture
    def sold(self, sell):
        """One seat, which Bob has."""
        return sell("studio-render", seats=1)

    @pytest.fixture
    def bob(self, sold, program_of):
        with program_of(sold, "machine-of-bob").acquire() as seat:
            yield seat

    def test_who_waits_gets_the_seat_when_it_comes_free(self, sold, bob, program_of):
        places: list[int] = []

        def place(number: int) -> None:
            places.append(number)
            bob.release()

        with program_of(sold).acquire(wait=timedelta(seconds=60), on_place=place) as seat:
            assert (seat.number, places[0]) == (1, 1)

    def test_two_wait_in_turn(self, sold, bob, program_of):
        first, second, seats = threading.Event(), threading.Event(), []

        def wait(machine: str, begun: threading.Event) -> None:
            with program_of(sold, machine).acquire(wait=60, on_place=lambda _: begun.set()) as seat:
                seats.append((machine, seat.number))

        threads = [threading.Thread(target=wait, args=("machine-of-ada", first))]
        threads[0].start()
        assert first.wait(30)
        threads.append(threading.Thread(target=wait, args=("machine-of-eve", second)))
        threads[1].start()
        assert second.wait(30)
        bob.release()
        for thread in threads:
            thread.join(60)
        assert seats == [("machine-of-ada", 1), ("machine-of-eve", 1)]

    def test_who_gives_up_holds_nobody_up(self, sold, bob, program_of):
        with pytest.raises(WaitedInVain) as refusal:
            program_of(sold).acquire(wait=1)
        assert (refusal.value.limit, refusal.value.used) == (1, 1)
        with pytest.raises(ZeroDivisionError):
            program_of(sold).acquire(wait=60, on_place=lambda place: 1 / 0)
        bob.release()
        with program_of(sold, "machine-of-eve").acquire() as seat:  # nobody is before her
            assert seat.number == 1

    def test_a_plan_without_a_queue_refuses_at_once(self, sell, program_of):
        sold = sell("starter", seats=1)
        with program_of(sold, "machine-of-bob").acquire(), pytest.raises(SeatsExhausted) as refusal:
            program_of(sold).acquire(wait=60)
        assert not refusal.value.has_queue


class TestBorrowing:
    @pytest.fixture
    def sold(self, sell):
        """Five seats, of which two may be away: three stay in the house."""
        return sell("studio-team", seats=5)

    @pytest.fixture
    def program_of(self, program_of):
        """Each machine is somebody's: nobody may have more than two seats of this plan."""
        return lambda sold, machine="machine-of-ada", **other: program_of(sold, machine, user=machine, **other)

    def test_a_seat_is_borrowed_opened_without_a_network_and_given_back(self, sold, api, program_of):
        with program_of(sold).acquire() as seat:
            borrowed = seat.borrow(days=3)
            assert seat.status.state is State.BORROWED and borrowed.number == seat.number
        api.kill()
        with program_of(sold, timeout=2, patience=0).open_borrowed() as borrowed:
            borrowed.check()
            assert timedelta(days=2.9) < borrowed.remaining <= timedelta(days=3)
        api.start()
        assert used(program_of(sold)) == 1
        with program_of(sold).acquire() as seat:  # an ordinary start finds it, and leaves it
            assert (seat.status.state, seat.session_id) == (State.BORROWED, borrowed.lease.session_id)
        borrowed = program_of(sold).open_borrowed()
        borrowed.give_back()
        with pytest.raises(BorrowEnded):
            borrowed.check()
        assert used(program_of(sold)) == 0

    def test_a_statement_that_is_carried_gives_it_back(self, sold, program_of):
        with program_of(sold).acquire() as seat:
            statement = seat.borrow(days=7).sign_return()
        assert used(program_of(sold)) == 1
        help_desk = program_of(sold, "machine-of-the-help-desk")
        for forged in (statement[:-6] + "AAAAAA", ".".join((*statement.split(".")[:2], ""))):
            with pytest.raises(UsherError):
                help_desk.hand_in(forged)
        assert used(help_desk) == 1
        help_desk.hand_in(statement)
        help_desk.hand_in(statement)
        assert used(help_desk) == 0
        with pytest.raises(NothingBorrowed):
            program_of(sold).open_borrowed()

    def test_what_the_plan_does_not_lend_is_refused_and_the_seat_stays(self, sold, sell, program_of):
        with program_of(sold).acquire() as seat:
            for days in (8, 100_000):
                with pytest.raises(InvalidRequest):
                    seat.borrow(days=days)
            seat.check()
            assert seat.status.state is State.SEATED
        with program_of(sell("starter"), "another-machine").acquire() as seat, pytest.raises(BorrowNotOffered):
            seat.borrow(days=1)

    def test_so_many_are_lent_and_no_more(self, sold, program_of):
        """One that is back counts until its end all the same: its lease could have been copied."""
        seats = [program_of(sold, f"machine-{number:04}").acquire() for number in range(3)]
        lent = [seat.borrow(days=1) for seat in seats[:2]]
        for _ in range(2):
            with pytest.raises(BorrowExhausted):
                seats[2].borrow(days=1)
            lent[0].give_back()
        lent[1].give_back()
        with program_of(sold, "machine-0000").acquire() as again:  # who had borrowed may do so again
            again.borrow(days=2).give_back()
        for seat in seats:
            seat.release()
        assert used(program_of(sold)) == 0

    def test_borrowing_twice_finds_the_same_session(self, sold, program_of):
        """The answer to the first request was lost."""
        with program_of(sold).acquire() as seat:
            talk, held = seat._sitting.talk, seat._sitting.held
            first = seat.borrow(days=2)
            seat._sitting._facts = seat._sitting._facts._replace(held=held)
            again = seat.borrow(days=2)
            assert first.lease.session_id == again.lease.session_id and talk is seat._sitting.talk
            again.give_back()


class TestSwapping:
    def test_a_seat_moves_to_another_machine(self, sell, program_of):
        sold = sell("starter", seats=1)
        seat = program_of(sold).acquire()
        assert seat.swap("machine-of-bob", hostname="bobs-laptop") == 1
        assert seat.status.state is State.RELEASED
        with pytest.raises(SeatsExhausted):
            program_of(sold).acquire()
        with program_of(sold, "machine-of-bob").acquire() as moved:
            assert moved.number == 1

    def test_a_plan_may_forbid_it(self, sell, program_of):
        with program_of(sell("studio-render")).acquire() as seat:
            with pytest.raises(Conflict):
                seat.swap("machine-of-bob")
            seat.check()


class TestPeople:
    def test_a_plan_that_seats_people_needs_the_user(self, sell, program_of):
        sold = sell("studio-person", seats=1)
        with pytest.raises(InvalidRequest):
            program_of(sold).acquire()
        with (
            program_of(sold, user="ada").acquire() as desk,
            program_of(sold, "laptop-of-ada", user="ada").acquire() as laptop,
        ):
            assert desk.number == laptop.number == 1
            with pytest.raises(SeatsExhausted):
                program_of(sold, "machine-of-bob", user="bob").acquire()
