"""Short calls to Postgres from an event loop: a server that is gone or stopped keeps nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.postgres_line import PostgresLine
from domain.errors import Unavailable
from tests.faults.links import Link

Story = Callable[[PostgresLine, Link], Awaitable[None]]


@pytest.fixture
def told(database_url: str) -> Callable[..., None]:
    """Runs a story with a line that leads over a link."""
    at = conninfo_to_dict(database_url)
    socket = Path(str(at["host"])) / f".s.PGSQL.{at.get('port', 5432)}"

    async def run(story: Story, size: int) -> None:
        link = Link("postgres", socket)
        await link.open()
        url = make_conninfo(database_url, host="127.0.0.1", port=link.port, sslmode="disable", gssencmode="disable")
        line = PostgresLine(url, size=size, timeout=0.5)
        try:
            await story(line, link)
        finally:
            await line.close()
            link.refuse()

    return lambda story, size=2: asyncio.run(run(story, size))


async def one(line: PostgresLine) -> int:
    ((found,),) = await line.fetch("select %s::integer", (1,))
    return found


def test_more_callers_than_connections_take_turns(told):
    async def story(line: PostgresLine, link: Link) -> None:
        assert await asyncio.gather(*(one(line) for _ in range(50))) == [1] * 50
        assert len(link.ends) == 2 * 2  # two connections, each with two ends

    told(story)


def test_connections_that_were_lost_while_nobody_used_them_are_made_again(told):
    async def story(line: PostgresLine, link: Link) -> None:
        await asyncio.gather(*(one(line) for _ in range(10)))
        link.break_all()
        assert await asyncio.gather(*(one(line) for _ in range(10))) == [1] * 10

    told(story)


def test_a_server_that_is_gone_is_unavailable_and_used_again_when_it_is_back(told):
    async def story(line: PostgresLine, link: Link) -> None:
        await one(line)
        link.refuse()
        with pytest.raises(Unavailable):
            await one(line)
        await link.open()
        assert await one(line) == 1

    told(story)


def test_a_server_that_does_not_answer_keeps_nobody_waiting_for_ever(told):
    async def story(line: PostgresLine, link: Link) -> None:
        await one(line)
        link.hold()
        answers = await asyncio.gather(*(one(line) for _ in range(20)), return_exceptions=True)
        assert {type(each) for each in answers} == {Unavailable}
        link.let_go()
        assert await one(line) == 1

    told(story)


def test_a_caller_who_has_gone_leaves_the_others_their_connection(told):
    async def story(line: PostgresLine, link: Link) -> None:
        gone = asyncio.create_task(line.fetch("select pg_sleep(%s)", (60,)))
        await asyncio.sleep(0)
        while not link.ends:
            await asyncio.sleep(0.01)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await one(line) == 1

    told(story, size=1)


def test_what_the_caller_did_wrong_is_told_and_costs_no_connection(told):
    async def story(line: PostgresLine, link: Link) -> None:
        with pytest.raises(psycopg.errors.DivisionByZero):
            await line.fetch("select 1 / %s", (0,))
        assert await one(line) == 1
        assert len(link.ends) == 2

    told(story)
