"""Liveness and readiness: whether this process runs, and whether the engine can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.auth import ANYBODY_ALWAYS
from domain.errors import Unavailable
from projections.all import READ_MODELS
from projections.dispatcher import Dispatcher
from projections.log import log_of
from projections.positions import places
from projections.quota_tellers import QUOTA_TELLERS
from projections.seat_limits import SeatLimits
from projections.webhook_feeds import WebhookFeeds

if TYPE_CHECKING:
    from adapters.bootstrap import Services

FOLLOWERS = {each.name: log_of(each) for each in (*READ_MODELS, SeatLimits, Dispatcher, WebhookFeeds, *QUOTA_TELLERS)}
"""By name, the log that each follows."""
PROCESSES = ("worker", "projector", "dispatcher", "scheduler")
LONGEST = 1.0
"""Seconds for each check."""
OK = "ok"
COVERED = "not used: seats are kept in PostgreSQL"


class Checks(BaseModel):
    """Each `ok`, or a sentence that says what is wrong."""

    postgres: str
    redis: str
    followers: str
    workers: str


class Readiness(BaseModel):
    """`degraded`: callers are answered, but what follows from it waits (with status 200 when that is all because Redis
    is away). `unavailable`: hardly anything works."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: Checks


class Live(BaseModel):
    status: Literal["ok"] = Field(description="This process answers.")


def _outcome(look: Callable[[], str]) -> str:
    """Never raises: of a look that is waited for no longer nobody would take the exception."""
    try:
        return look()
    except Unavailable:
        return "away"
    except Exception as error:
        return f"failed ({type(error).__name__})"


class Examination:
    """Looks at all parts at once, each in a thread of its own. A look that hangs is not started a second time, so
    that being asked often can never use up what the requests need."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="readiness")
        self._under_way: dict[str, Future[str]] = {}

    async def checks(self) -> Checks:
        looks = {
            "postgres": self._postgres,
            "redis": self._redis,
            "followers": self._followers,
            "workers": self._workers,
        }
        said = await asyncio.gather(*(self._say(name, look) for name, look in looks.items()))
        return Checks(**dict(zip(looks, said, strict=True)))

    async def _say(self, name: str, look: Callable[[], str]) -> str:
        answer = self._under_way.get(name)
        if answer is None or answer.done():
            answer = self._under_way[name] = self._threads.submit(_outcome, look)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(answer)), LONGEST)
        except TimeoutError:
            return f"no answer within {LONGEST:.0f} s"

    def _postgres(self) -> str:
        self._services.database.ping()
        return OK

    def _redis(self) -> str:
        if self._services.seat_periods.is_without_redis:
            return COVERED
        try:
            self._services.redis.ping()
            return OK
        except Exception as error:
            return self._without_redis(error)

    def _without_redis(self, error: Exception) -> str:
        """Seats go on when they are kept in Postgres; if nobody has seen to that yet, we do."""
        if asyncio.run(self._services.seat_periods.do_without_redis()):
            return COVERED
        raise error

    def _followers(self) -> str:
        with self._services.database.connection() as connection:
            known = places(connection, list(FOLLOWERS))
            heads = {log: log.head(connection) for log in set(FOLLOWERS.values())}
        wrong = []
        for name, log in FOLLOWERS.items():
            place, last = known.get(name), heads[log]
            if place is None:
                wrong.append(f"{name} has not begun")
            elif place.error is not None:
                wrong.append(f"{name} has stopped at position {place.position}")
            elif last - place.position > log.far:
                wrong.append(f"{name} is {last - place.position} positions behind")
        return "; ".join(wrong) or OK

    def _workers(self) -> str:
        alive = self._services.process_beats.alive()
        missing = [name for name in PROCESSES if name not in alive]
        return f"no sign of life of {', '.join(missing)}" if missing else OK


router = APIRouter(tags=["operation"], dependencies=[ANYBODY_ALWAYS])


async def examination_of(request: Request) -> Examination:
    """One for each application."""
    state = request.app.state
    if not hasattr(state, "examination"):
        state.examination = Examination(state.services)
    examination: Examination = state.examination
    return examination


@router.get("/health/live")
async def live() -> Live:
    """This process runs."""
    return Live(status="ok")


@router.get(
    "/health/ready", responses={503: {"model": Readiness, "description": "Something is wrong; checks say what"}}
)
async def ready(request: Request, response: Response, examination: Examination = Depends(examination_of)) -> Readiness:
    """Whether the engine can do its work."""
    checks = await examination.checks()
    said = checks.model_dump()
    if all(each == OK for each in said.values()):
        return Readiness(status="ok", checks=checks)
    if any(each not in (OK, COVERED) for each in said.values()):
        response.status_code = 503
    is_answered = said["postgres"] == OK and said["redis"] in (OK, COVERED)
    return Readiness(status="degraded" if is_answered else "unavailable", checks=checks)
