"""Threads that take webhooks to their endpoints: many, so that those that hang keep nobody else waiting.

An endpoint has one thread, and more as long as it answers and more is due. An owner has a bounded share of all, so that
nobody's endpoints, however many hang, can use up what the others need. A thread is there only while it has work.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import structlog

from domain.errors import Unavailable

log = structlog.get_logger()

THREADS = 48
OF_ENDPOINT = 4
OF_OWNER = 12

Run = Callable[[UUID], bool]
"""Sends some of what is due to an endpoint; answers whether there may be more."""
Owner = UUID | None


class DeliveryThreads:
    """`wake` says that something is due; what is said twice while it waits is said once."""

    def __init__(
        self, run: Run, *, threads: int = THREADS, of_endpoint: int = OF_ENDPOINT, of_owner: int = OF_OWNER
    ) -> None:
        self._run = run
        self._most = threads
        self._of_endpoint = of_endpoint
        self._of_owner = of_owner
        self._state = threading.Condition()
        self._waiting: dict[UUID, Owner] = {}
        self._may_have: dict[UUID, int] = {}  # threads; one where nothing is said
        self._at_work: Counter[UUID] = Counter()
        self._owners: Counter[Owner] = Counter()
        self._busy = 0
        self._is_over = False

    def wake(self, endpoint_id: UUID, owner: Owner) -> None:
        """Returns at once."""
        with self._state:
            self._waiting[endpoint_id] = owner
            self._start()

    def close(self, patience: float) -> None:
        """Begins nothing any more, and waits so many seconds for what is under way. What is not over then is sent again
        by another worker when its claim has run out."""
        with self._state:
            self._is_over = True
            self._state.wait_for(lambda: not self._busy, patience)

    def _start(self) -> None:
        """A thread for each that waits and may have one. To be called with the state held."""
        for endpoint_id, owner in list(self._waiting.items()):
            while self._has_room(endpoint_id, owner):
                self._waiting.pop(endpoint_id, None)
                self._at_work[endpoint_id] += 1
                self._owners[owner] += 1
                self._busy += 1
                threading.Thread(target=self._work, args=(endpoint_id, owner), name="delivery", daemon=True).start()

    def _has_room(self, endpoint_id: UUID, owner: Owner) -> bool:
        return (
            not self._is_over
            and self._busy < self._most
            and self._at_work[endpoint_id] < self._may_have.get(endpoint_id, 1)
            and self._owners[owner] < self._of_owner
        )

    def _work(self, endpoint_id: UUID, owner: Owner) -> None:
        is_more = False
        try:
            is_more = self._run(endpoint_id)
        except Unavailable:
            log.warning("webhooks.put_off", endpoint_id=str(endpoint_id))
        except Exception as error:
            if not self._is_over:  # what was taken from under a thread that is left to itself is no fault
                log.exception("webhooks.failed", endpoint_id=str(endpoint_id), error=type(error).__name__)
        with self._state:
            self._end(endpoint_id, owner, is_more)
            self._start()
            self._state.notify_all()

    def _end(self, endpoint_id: UUID, owner: Owner, is_more: bool) -> None:
        self._busy -= 1
        for counter, key in ((self._at_work, endpoint_id), (self._owners, owner)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
        if is_more:
            self._may_have[endpoint_id] = min(2 * self._may_have.get(endpoint_id, 1), self._of_endpoint)
            self._waiting[endpoint_id] = owner
        else:
            self._may_have.pop(endpoint_id, None)
