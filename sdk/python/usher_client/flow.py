"""What is said to Usher is decided without I/O: a flow yields what it wants done and is sent the outcome.

A flow is a generator. It yields a `Call` and gets an `Answer`, or has `Unavailable` thrown into it; it yields a `Pause`
and gets None. `run` drives one with blocking functions, `run_async` with awaitable ones; nothing else is written twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, NamedTuple, TypeVar, Union

T = TypeVar("T")


class Call(NamedTuple):
    """One request. `credential` is the whole Authorization header; `patience` is in seconds, for each of connecting,
    sending and waiting for the answer. Neither body nor credential is ever shown: they hold keys, leases, tickets."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    credential: str | None = None
    patience: float = 10.0

    def __repr__(self) -> str:
        return f"Call({self.method} {self.path})"


class Answer(NamedTuple):
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"


class Pause(NamedTuple):
    seconds: float


Step = Union[Call, Pause]
Flow = Generator[Step, Any, T]


def run(flow: Flow[T], send: Callable[[Call], Answer], sleep: Callable[[float], object]) -> T:
    """What the flow returns; what it raises is raised. An exception of `send` or `sleep`, also KeyboardInterrupt, is
    thrown into the flow, which may have something to clear up."""
    try:
        step = next(flow)
        while True:
            try:
                outcome = send(step) if isinstance(step, Call) else sleep(step.seconds)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(outcome)
    except StopIteration as end:
        result: T = end.value
        return result


async def run_async(
    flow: Flow[T], send: Callable[[Call], Awaitable[Answer]], sleep: Callable[[float], Awaitable[object]]
) -> T:
    """As `run`. A cancelled task may still send what the flow has to clear up."""
    try:
        step = next(flow)
        while True:
            try:
                outcome = await (send(step) if isinstance(step, Call) else sleep(step.seconds))
            except GeneratorExit:  # the event loop is gone: nothing can be sent any more
                raise
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(outcome)
    except StopIteration as end:
        result: T = end.value
        return result
