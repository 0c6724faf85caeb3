"""A link passes everything on, until it is cut, held up or broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.links import Link, free_port

Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing() -> AsyncIterator[Link]:
    """A link to a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while heard := await reader.read(65536):
                writer.write(heard)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    port = free_port()
    server = await asyncio.start_server(echo, "127.0.0.1", port)
    link = Link("somebody>echo", ("127.0.0.1", port))
    await link.open()
    try:
        yield link
    finally:
        link.refuse()
        server.close()
        await asyncio.sleep(0.05)  # for the ends that were just broken to be collected


def story(tell: Callable[[Link], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), echoing() as link:
            await tell(link)

    asyncio.run(run())


async def connected(link: Link) -> Talk:
    return await asyncio.open_connection(*link.address)


async def said_back(talk: Talk, words: bytes) -> bytes:
    reader, writer = talk
    writer.write(words)
    return await reader.readexactly(len(words))


async def is_silent(talk: Talk, words: bytes) -> bool:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await said_back(talk, words)
    return True


async def is_broken(talk: Talk) -> bool:
    try:
        return await talk[0].read(1) == b""
    except ConnectionError:
        return True


def test_what_is_said_arrives_however_much_it_is():
    async def tell(link: Link) -> None:
        talk = await connected(link)
        assert await said_back(talk, b"good morning") == b"good morning"
        many = bytes(range(256)) * 20_000
        assert await said_back(talk, many) == many
        talk[1].close()

    story(tell)


def test_what_is_held_up_arrives_late_and_whole_also_from_who_came_meanwhile():
    async def tell(link: Link) -> None:
        talk = await connected(link)
        assert await said_back(talk, b"before") == b"before"
        link.hold()
        late = await connected(link)
        assert await is_silent(talk, b"held") and await is_silent(late, b"new")
        link.let_go()
        assert await talk[0].readexactly(4) == b"held"
        assert await late[0].readexactly(3) == b"new"
        assert await said_back(talk, b"after") == b"after"
        talk[1].close()
        late[1].close()

    story(tell)


def test_a_link_that_refuses_breaks_what_is_there_and_lets_nobody_in_until_it_is_opened():
    async def tell(link: Link) -> None:
        talk = await connected(link)
        assert await said_back(talk, b"before") == b"before"
        link.refuse()
        assert await is_broken(talk)
        with pytest.raises(OSError):
            await connected(link)
        await link.open()
        again = await connected(link)
        assert await said_back(again, b"again") == b"again"
        talk[1].close()
        again[1].close()

    story(tell)


def test_a_break_loses_what_was_held_up_and_the_next_connection_is_fine():
    async def tell(link: Link) -> None:
        talk = await connected(link)
        link.hold()
        assert await is_silent(talk, b"lost")
        link.break_all()
        link.let_go()
        assert await is_broken(talk)
        again = await connected(link)
        assert await said_back(again, b"again") == b"again"
        talk[1].close()
        again[1].close()

    story(tell)


def test_a_server_that_is_not_there_looks_like_one_that_hangs_up():
    async def tell(link: Link) -> None:
        nowhere = Link("somebody>nobody", ("127.0.0.1", free_port()))
        await nowhere.open()
        talk = await connected(nowhere)
        assert await is_broken(talk)
        talk[1].close()
        nowhere.refuse()

    story(tell)
