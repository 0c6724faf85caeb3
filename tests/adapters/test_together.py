from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from adapters.together import Together


class Oracle:
    """Doubles numbers, and keeps what it was asked together."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    async def answer(self, numbers: Sequence[int]) -> list[int]:
        self.asked.append(list(numbers))
        await asyncio.sleep(0)
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


def test_what_is_asked_while_others_wait_is_asked_together_and_each_gets_its_own_answer():
    async def story() -> None:
        oracle = Oracle()
        together = Together(oracle.answer, most=4)
        assert await asyncio.gather(*(together.ask(number) for number in range(10))) == list(range(0, 20, 2))
        assert oracle.asked == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]

    asyncio.run(story())


def test_a_failure_is_told_to_those_who_asked_then_and_to_nobody_else():
    async def story() -> None:
        together = Together(Oracle().answer, most=2)
        answers = await asyncio.gather(*(together.ask(number) for number in (1, 13, 2, 3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [ValueError, ValueError, int, int]
        with pytest.raises(ValueError, match="13"):
            await together.ask(13)
        assert await together.ask(5) == 10

    asyncio.run(story())


def test_who_has_gone_keeps_nobody_from_an_answer():
    async def story() -> None:
        together = Together(Oracle().answer, most=10)
        gone, stays = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == 4

    asyncio.run(story())
