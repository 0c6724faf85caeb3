"""Chapters 3 to 5: thirty desktops and ten seats; one goes silent; Valkey dies."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import timedelta
from random import Random

from scripts.story.buying import thirty_desktops
from scripts.story.desktops import Answer, Desktop, beat, leave, median, seat_map, sit_down, statuses
from scripts.story.engine import check
from scripts.story.page import number, quoted
from scripts.story.proof import claims_of
from scripts.story.told import SEATS, Story


async def thirty_ask_for_ten(story: Story) -> None:
    """Ten sit, the rest are told why."""
    page = story.page
    page.chapter("Thirty desktops, ten seats", await story.door.now())
    story.desktops = thirty_desktops(story)
    began = time.perf_counter()
    answers = await sit_down(Random(12).sample(story.desktops, 30))
    took = (time.perf_counter() - began) * 1000
    check(statuses(answers) == {201: SEATS, 429: 20}, f"ten of thirty sit, not {dict(statuses(answers))}")
    check_seats(story)
    refused = next(answer for answer in answers if answer.status == 429)
    check(all(each.code == "seats_exhausted" for each in answers if each.status == 429), "and are told why")
    check(refused.body["error"]["details"] == {"limit": SEATS, "used": SEATS}, "with the count")
    page.say(f"Thirty ask in the same moment. [bold]Ten sit, twenty are refused[/], all answered within {took:.0f} ms:")
    page.lines(seat_map(story.desktops))
    page.say(f"The twenty hear “{quoted(refused.body['error']['message'])}”")
    beats = await beat(story.seated)
    check(statuses(beats) == {200: SEATS}, "every heartbeat is answered with a new lease")
    again = await sit_down(story.seated)
    check(statuses(again) == {200: SEATS}, "asking again gives the same seat")
    check_seats(story)
    page.say(
        f"Heartbeats run, {median(beats):.0f} ms for ten at once; every answer is a signed lease that a client can"
        " check by itself. Asking twice gives a machine the seat it has, not a second one."
    )


def check_seats(story: Story) -> None:
    """Ten different seats, ten different sessions, each with a lease that says so."""
    seated = story.seated
    check(sorted(each.seat for each in seated) == list(range(1, SEATS + 1)), "the seats are 1 to 10")  # type: ignore[type-var]
    check(len({each.session for each in seated}) == SEATS, "ten sessions")
    for desktop in seated:
        claims = claims_of(desktop.lease, story.key_set)
        check(
            (claims["seat"], claims["sid"], claims["lic"]) == (desktop.seat, desktop.session, story.license_id),
            f"the lease of {desktop.name} says where it sits",
        )


async def one_goes_silent(story: Story) -> None:
    """A client dies; its seat goes to one that waits, and not a moment before its lease has ended."""
    page, door = story.page, story.door
    page.chapter("One goes silent", await door.now())
    dead = next(desktop for desktop in story.desktops if desktop.seat == 4)
    living = [desktop for desktop in story.seated if desktop is not dead]
    heir = story.waiting[0]
    now = await story.move_clock(await door.now() + timedelta(minutes=4))
    check(statuses(await beat(living)) == {200: 9}, "nine beat")
    check((await heir.sit_down()).code == "seats_exhausted", "the seat is still taken after four minutes")
    await story.move_clock(now + timedelta(minutes=3))
    check(statuses(await beat(living)) == {200: 9}, "nine beat on")

    async def look() -> Answer | None:
        answer = await heir.sit_down()
        return answer if answer.status == 201 else None

    await door.until(look, "the waiting desktop gets the seat")
    check(heir.seat == 4, "it is the dead one's seat")
    late = await dead.beat()
    check((late.status, late.code) == (410, "session_closed"), "the dead one's session has ended")
    check(late.body["error"]["details"]["reason"] == "expired", "because its lease ran out")
    page.say(
        f"{dead.name} crashes. Its lease lasts six minutes: at minute 4 {heir.name} is still refused, at minute 7 it"
        f" [bold]sits on seat {heir.seat}[/]. When {dead.name} wakes up it hears"
        f" “{quoted(late.body['error']['message'])}”"
    )
    dead.seat = dead.session = None
    check_seats(story)


async def valkey_dies(story: Story) -> None:
    """SIGKILL, while clients beat and others keep asking."""
    page = story.page
    page.chapter("Valkey is killed", await story.door.now())
    before = {desktop.name: (desktop.seat, desktop.session) for desktop in story.seated}
    seated, waiting = story.seated, story.waiting[:5]
    over = asyncio.Event()
    keepers = [asyncio.create_task(_keep_beating(desktop, n * 0.025, over)) for n, desktop in enumerate(seated)]
    hopers = [asyncio.create_task(_keep_asking(desktop, over)) for desktop in waiting]
    away = await _kill_valkey(story)
    await asyncio.sleep(0.7)
    over.set()
    beats = sum(await asyncio.gather(*keepers))
    asked = sum(await asyncio.gather(*hopers))
    put_off = sum(desktop.put_off for desktop in story.desktops)
    again = await sit_down(seated)
    check(statuses(again) == {200: SEATS}, "nobody lost a seat")
    check({each.name: (each.seat, each.session) for each in seated} == before, "everybody sits where they sat")
    check_seats(story)
    await _log_agrees(story, before)
    page.say(
        f"kill -9, in the middle of the work. Its seats lived in memory only; the log knows them. The supervisor"
        f" starts it anew, empty, {away * 1000:.0f} ms later. {number(put_off, 'request')} heard 503 and asked again;"
        f" {number(beats, 'heartbeat')} and {number(asked, 'hopeful client')} later"
        " [bold]nobody has lost a seat, nobody sits on two, no seat has two.[/]"
    )


async def _kill_valkey(story: Story) -> float:
    """Seconds until another one runs."""
    pid = story.engine.valkey_pid
    check(pid, "Valkey runs")
    await asyncio.sleep(0.3)
    os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
    began = time.monotonic()

    async def look() -> bool:
        answer = await story.door.client.get("/health/ready")
        return story.engine.valkey_pid not in (None, pid) and answer.status_code == 200

    await story.door.until(look, "Valkey runs again")
    return time.monotonic() - began


async def _keep_beating(desktop: Desktop, first: float, over: asyncio.Event) -> int:
    """How many heartbeats were answered; each has to be. `first` seconds apart, somebody asks at any moment."""
    count = 0
    await asyncio.sleep(first)
    while not over.is_set():
        answer = await desktop.beat()
        check(answer.status == 200, f"{desktop.name} keeps its seat (it heard {answer.status} {answer.code})")
        count += 1
        await asyncio.sleep(0.25)
    return count


async def _keep_asking(desktop: Desktop, over: asyncio.Event) -> int:
    """1, for a client that asked until the end and was refused every time."""
    while not over.is_set():
        answer = await desktop.sit_down()
        check(
            answer.code == "seats_exhausted", f"{desktop.name} finds no seat (it heard {answer.status} {answer.code})"
        )
        await asyncio.sleep(0.6)
    return 1


async def _log_agrees(story: Story, before: dict[str, tuple[int | None, str | None]]) -> None:
    """The engine's own list of open sessions is the same ten."""

    async def look() -> bool:
        sessions = await story.door.everything(f"/licenses/{story.license_id}/sessions", state="open")
        return {(each["seat"], each["session_id"]) for each in sessions} == set(before.values())

    await story.door.until(look, "the engine lists the same ten sessions")


async def everybody_leaves(story: Story) -> None:
    """The evening comes."""
    check(statuses(await leave(story.seated)) == {204: SEATS}, "everybody gives the seat back")
