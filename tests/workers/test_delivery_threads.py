"""Threads that deliver: those that hang keep nobody else waiting."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from domain.errors import Unavailable
from tests.workers.conftest import until
from workers.delivery_threads import DeliveryThreads


class Endpoints:
    """Each run waits until it may end; `more` says how often an endpoint has more."""

    def __init__(self) -> None:
        self.may_end: dict[UUID, threading.Event] = {}
        self.more: Counter[UUID] = Counter()
        self.runs: Counter[UUID] = Counter()
        self.at_once: Counter[UUID] = Counter()
        self.most: Counter[UUID] = Counter()
        self._lock = threading.Lock()

    def hang(self, number: int) -> list[UUID]:
        ids = [uuid4() for _ in range(number)]
        self.may_end.update({id: threading.Event() for id in ids})
        return ids

    def let_go(self) -> None:
        for event in self.may_end.values():
            event.set()

    def run(self, id: UUID) -> bool:
        with self._lock:
            self.runs[id] += 1
            self.at_once[id] += 1
            self.most[id] = max(self.most[id], self.at_once[id])
        if id in self.may_end:
            self.may_end[id].wait(20)
        with self._lock:
            self.at_once[id] -= 1
            self.more[id] -= 1
            return self.more[id] >= 0


@pytest.fixture
def endpoints():
    endpoints = Endpoints()
    yield endpoints
    endpoints.let_go()


def threads_for(endpoints: Endpoints, run: Callable[[UUID], bool] | None = None, **bounds: int) -> DeliveryThreads:
    return DeliveryThreads(run or endpoints.run, **bounds)


def test_an_endpoint_that_hangs_has_one_thread_however_often_it_is_woken(endpoints):
    threads, (slow,) = threads_for(endpoints), endpoints.hang(1)
    for _ in range(50):
        threads.wake(slow, None)
    until(lambda: endpoints.runs[slow] == 1)
    assert endpoints.at_once[slow] == 1
    endpoints.let_go()
    until(lambda: endpoints.runs[slow] == 2)
    threads.close(5)
    assert endpoints.runs[slow] == 2, "what was said while it ran is done once more, and once"


def test_an_endpoint_that_answers_has_more_threads_while_there_is_more(endpoints):
    busy, crowd = uuid4(), threading.Barrier(4)
    endpoints.more[busy] = 11

    def run(id: UUID) -> bool:
        is_first = endpoints.runs[id] < 3  # one, then two: then there are four
        is_more = endpoints.run(id)
        if not is_first:
            crowd.wait(10)
        return is_more

    threads = threads_for(endpoints, run, of_endpoint=4)
    threads.wake(busy, None)
    until(lambda: endpoints.runs[busy] >= 11)
    crowd.abort()
    threads.close(5)
    assert endpoints.runs[busy] >= 11


def test_an_owner_whose_endpoints_all_hang_leaves_threads_for_others(endpoints):
    threads, owner, other = threads_for(endpoints, threads=10, of_owner=4), uuid4(), uuid4()
    slow, fine = endpoints.hang(30), [uuid4() for _ in range(5)]
    for id in slow:
        threads.wake(id, owner)
    for id in fine:
        threads.wake(id, other)
    until(lambda: all(endpoints.runs[id] for id in fine))
    assert sum(endpoints.at_once[id] for id in slow) == 4
    endpoints.let_go()
    until(lambda: all(endpoints.runs[id] for id in slow))
    threads.close(5)


def test_there_are_so_many_threads_and_no_more_and_none_that_idles(endpoints):
    threads, slow = threads_for(endpoints, threads=3, of_owner=3), endpoints.hang(9)
    for id in slow:
        threads.wake(id, uuid4())
    until(lambda: sum(endpoints.at_once.values()) == 3)
    assert sum(endpoints.runs.values()) == 3
    endpoints.let_go()
    until(lambda: sum(endpoints.runs.values()) == 9)
    threads.close(5)
    assert not [thread for thread in threading.enumerate() if thread.name == "delivery"]


@pytest.mark.parametrize("problem", [Unavailable(), KeyError("a fault of ours")])
def test_a_fault_costs_one_run_and_not_the_thread(problem):
    tried = []

    def run(id: UUID) -> bool:
        tried.append(id)
        if len(tried) == 1:
            raise problem
        return False

    threads, id = DeliveryThreads(run, threads=1), uuid4()
    threads.wake(id, None)
    until(lambda: len(tried) == 1)
    threads.wake(id, None)
    until(lambda: len(tried) == 2)
    threads.close(5)


def test_closing_begins_nothing_and_waits_no_longer_than_it_is_told(endpoints):
    threads, (slow, next_one) = threads_for(endpoints, threads=1), endpoints.hang(2)
    threads.wake(slow, None)
    until(lambda: endpoints.runs[slow])
    threads.wake(next_one, None)
    threads.close(0.05)
    endpoints.let_go()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "delivery"])
    assert endpoints.runs[next_one] == 0
