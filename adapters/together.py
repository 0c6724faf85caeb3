"""Questions that are asked at the same time, asked together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """While some questions are under way the next ones gather, `most` at a time. For one event loop.

    `answer_all` answers in the order asked; what it raises, all of them raise.
    """

    def __init__(self, answer_all: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], *, most: int) -> None:
        self._answer_all = answer_all
        self._most = most
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._at_work: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._at_work is None or self._at_work.done():
            self._at_work = asyncio.create_task(self._work(), name="together")
        return await answer

    async def _work(self) -> None:
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            try:
                answers = await self._answer_all([question for question, _ in some])
            except Exception as error:
                for _, waiting in some:
                    if not waiting.done():
                        waiting.set_exception(error)
                continue
            for (_, waiting), answer in zip(some, answers, strict=True):
                if not waiting.done():  # its caller may have been cancelled
                    waiting.set_result(answer)
