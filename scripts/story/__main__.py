"""`python -m scripts.story`: exit code 0 when the story went as told, 1 when it broke, 130 when somebody stopped it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from scripts.story.auditing import an_auditor_asks
from scripts.story.buying import a_customer_arrives, she_buys
from scripts.story.door import Door
from scripts.story.engine import Engine, StoryBroken
from scripts.story.page import Page
from scripts.story.paying import she_pays, the_renewal_fails
from scripts.story.payments import Payments
from scripts.story.told import Story
from scripts.story.working import one_goes_silent, thirty_ask_for_ten, valkey_dies


def main() -> int:
    """Whatever happens, the engine is stopped and its data removed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it puts behind without it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    page = Page()
    with tempfile.TemporaryDirectory(prefix="usher-story-", ignore_cleanup_errors=True) as folder:
        engine = Engine(Path(folder))
        try:
            outcome = _told(engine, page)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave servers behind
            left = engine.stop()
    if left:
        page.broke(f"these processes had to be killed: {', '.join(left)}", [])
        return outcome or 1
    if outcome == 0:
        page.end(f"Everything has stopped; no process and no file is left. {page.seconds:.0f} seconds in all.")
    return outcome


def _told(engine: Engine, page: Page) -> int:
    try:
        page.title(
            "Usher: the story of one licence", "Starting real PostgreSQL, real Valkey and every process of Usher …"
        )
        engine.start()
        asyncio.run(_tell(engine, page))
    except KeyboardInterrupt:
        page.end("Stopped. The engine is being shut down.")
        return 130
    except BrokenPipeError:
        _read_no_more()
        return 1
    except Exception as error:
        what = str(error) if isinstance(error, StoryBroken) else f"{type(error).__name__}: {error}"
        page.broke(what, engine.last_words())
        return 1
    return 0


def _read_no_more() -> None:
    """Whoever read us has gone; what is still printed must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _tell(engine: Engine, page: Page) -> None:
    ours = [each for each in engine.processes() if each.name() not in ("postgres", "valkey-server")]
    page.say(
        f"{len(ours)} processes of Usher, PostgreSQL and Valkey run after {page.seconds:.1f} s. Only the"
        " calendar is played, and Stripe, by the stand-in that comes along: every answer below came from the engine,"
        " and every sentence was checked against it."
    )
    door = Door(engine)
    payments = Payments(door, engine)
    try:
        await door.move_clock(_a_thursday(await door.now()))
        story = Story(engine, door, page, payments)
        await a_customer_arrives(story)
        await she_buys(story)
        await thirty_ask_for_ten(story)
        await one_goes_silent(story)
        await valkey_dies(story)
        invoice = await the_renewal_fails(story)
        await she_pays(story, invoice)
        await an_auditor_asks(story)
    finally:
        await payments.close()
        await door.client.aclose()


def _a_thursday(now: datetime) -> datetime:
    """Next Thursday, 09:00: a month later the first days of grace have a Tuesday among them, for the auditor."""
    ahead = (3 - now.weekday()) % 7 or 7
    return (now + timedelta(days=ahead)).replace(hour=9, minute=0, second=0, microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
