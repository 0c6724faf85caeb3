"""The load generator: many keep-alive HTTP/1.1 connections from one event loop, as lean as Python allows.

What a connection says is a generator: it yields the bytes of a request and is sent the answer, from which it makes the
next. It lives through pauses, so a conversation (a session and its newest lease, say) is kept from slice to slice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Address = tuple[str, int]


class Answer(NamedTuple):
    """`raw` is the whole answer: head, empty line, body."""

    status: int
    raw: bytes

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]


Conversation = Generator[bytes, Answer, None]


class Unexpected(Exception):
    """An answer that a benchmark must not count: it would measure a refusal."""

    @classmethod
    def of(cls, answer: Answer) -> Unexpected:
        return cls(f"status {answer.status}: {answer.body[:500].decode(errors='replace')}")


@dataclass
class Slice:
    """What one burst of load came to. `seconds_each`: from each request to its answer, sorted."""

    answers: int
    seconds: float
    seconds_each: list[float]
    own_cpu: float
    """Share of one core that the load generator used; near 1 it would be measuring itself."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.answers / self.seconds

    def milliseconds(self, share: float) -> float:
        """The time within which `share` of the requests were answered."""
        return 1000 * self.seconds_each[min(len(self.seconds_each) - 1, int(share * len(self.seconds_each)))]


class Load:
    """Conversations with one server, one connection each."""

    def __init__(self, address: Address, conversations: Sequence[Conversation]) -> None:
        self._address = address
        self._under_way = [(conversation, next(conversation)) for conversation in conversations]

    async def run(self, seconds: float | None = None) -> Slice:
        """All at once, for so long or until all have ended; what is under way then is waited for and not counted.

        Raises what a conversation raises: `Unexpected` for an answer that it does not want.
        """
        loop = asyncio.get_running_loop()
        speakers = [_Speaker(conversation, request) for conversation, request in self._under_way]
        for speaker in speakers:
            await loop.create_connection(lambda speaker=speaker: speaker, *self._address)  # type: ignore[misc]
        began, cpu = time.perf_counter(), time.process_time()
        for speaker in speakers:
            speaker.begin()
        await asyncio.wait([speaker.silent for speaker in speakers], timeout=seconds, return_when="FIRST_EXCEPTION")
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        each = sorted(took for speaker in speakers for took in speaker.seconds_each)
        for speaker in speakers:
            speaker.is_stopping = True
        requests = await asyncio.gather(*(speaker.silent for speaker in speakers))
        self._under_way = [
            (speaker.conversation, next) for speaker, next in zip(speakers, requests, strict=True) if next
        ]
        return Slice(len(each), took, each, cpu / took)


class _Speaker(asyncio.Protocol):
    """One connection that carries a conversation on until it ends or is told to stop."""

    def __init__(self, conversation: Conversation, request: bytes) -> None:
        self.conversation = conversation
        self._request = request
        self._received = b""
        self._asked = 0.0
        self.silent: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        """Done when it stopped, with the request that would have been next."""
        self.seconds_each: list[float] = []
        self.is_stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's is no subclass of asyncio.Transport

    def begin(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        if not is_whole(received):
            self._received = received
            return
        self._received = b""
        now = time.perf_counter()
        self.seconds_each.append(now - self._asked)
        try:
            self._request = self.conversation.send(Answer(int(received[9:12]), received))
        except StopIteration:
            self._fall_silent(None)
        except Exception as error:
            self._fall_silent(error)
        else:
            self._go_on(now)

    def _go_on(self, now: float) -> None:
        if self.is_stopping:
            self._fall_silent(self._request)
        else:
            self._asked = now
            self._transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.silent.done():
            self.silent.set_exception(error or ConnectionError("the server closed the connection"))

    def _fall_silent(self, left: bytes | Exception | None) -> None:
        if isinstance(left, Exception):
            self.silent.set_exception(left)
        else:
            self.silent.set_result(left)
        self._transport.close()


def is_whole(received: bytes) -> bool:
    """Whether an answer is complete; ours and the yardstick's always carry a content length, unless there is none."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = received.find(b"content-length: ", 0, head)
    if at < 0:
        at = received.find(b"Content-Length: ", 0, head)
    if at < 0:
        return True
    length = int(received[at + 16 : received.index(b"\r\n", at)])
    return len(received) >= head + 4 + length
