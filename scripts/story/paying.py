"""Chapters 6 and 7: the renewal fails three times, the licence is suspended; she pays and works again."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from scripts.story.desktops import Answer, beat, sit_down, statuses
from scripts.story.door import Json
from scripts.story.engine import check
from scripts.story.page import day, quoted, short_day
from scripts.story.told import EMAIL, SEATS, Story
from scripts.story.working import everybody_leaves


async def the_renewal_fails(story: Story) -> str:
    """Three failures: grace, shorter grace, suspension. Answers the id of Stripe's invoice."""
    page, payments = story.page, story.payments
    await everybody_leaves(story)
    await payments.card_expires(story.subscription)
    renewal = payments.period_end(story.subscription)
    await story.move_clock(renewal + timedelta(seconds=30))
    page.chapter("The card expires", await story.door.now())
    await payments.settled()
    await story.move_clock(renewal + timedelta(hours=1, seconds=1))
    await _in_grace(story, "Your payment for CODITECT failed", timedelta(days=7), "The renewal fails.")
    await story.move_clock(payments.next_attempt(story.subscription))
    await _in_grace(story, "Urgent: CODITECT stops", timedelta(days=3), "The second attempt fails too.")
    await _third_failure(story)
    invoice: str = payments.invoice_of(story.subscription)["id"]
    return invoice


async def _in_grace(story: Story, subject: str, length: timedelta, what: str) -> None:
    """The licence works on and says until when; the mail says the same."""
    mail = await story.door.mail(EMAIL, subject)
    license = await story.until_status("grace")
    ends = datetime.fromisoformat(license["grace_ends_at"])
    now = await story.door.now()
    check(abs(ends - now - length) < timedelta(minutes=5), f"the grace is {length.days} days")
    verdict = await story.door.ask("POST", "/licenses/validate", json={"license_key": story.license_key})
    check((verdict["valid"], verdict["code"]) == (True, "GRACE"), "clients are told of the grace")
    story.page.item(
        short_day(now),
        f"{what} The licence says [bold]grace[/] until {day(ends)}, and she reads “{quoted(mail['subject'])}”.",
    )


async def _third_failure(story: Story) -> None:
    """On a working day: ten sit in the morning, and stand when the third attempt fails and Stripe says so."""
    await story.payments.fault("delay", event="invoice.*", seconds=3600)
    await story.door.move_clock(story.payments.next_attempt(story.subscription))
    check(statuses(await sit_down(story.desktops))[201] == SEATS, "ten sit while the grace lasts")
    await story.payments.no_faults()
    began = time.perf_counter()
    await story.payments.release()
    license = await story.until_status("suspended", "payment_failed")

    async def look() -> list[Answer] | None:
        answers = await beat(story.seated[:1])
        return answers if answers[0].status == 410 else None

    await story.door.until(look, "the first session ends")
    took = (time.perf_counter() - began) * 1000
    ended = await beat(story.seated)
    check(statuses(ended) == {410: SEATS}, "all sessions have ended")
    check({each.body["error"]["details"]["reason"] for each in ended} == {"suspended"}, "and say why")
    await _nobody_sits(story, license)
    story.page.item(
        short_day(await story.door.now()),
        f"Ten desktops are at work when the third attempt fails. [bold]Suspended[/]: {took:.0f} ms after Stripe's word"
        f" every heartbeat hears “{quoted(ended[0].body['error']['message'])}” Nobody new is let in, and a mail says"
        " why.",
    )


async def _nobody_sits(story: Story, license: Json) -> None:
    for desktop in story.seated:
        desktop.seat = desktop.session = None
    refused = await story.desktops[0].sit_down()
    check((refused.status, refused.code) == (403, "license_suspended"), "nobody new is let in")
    await story.door.mail(EMAIL, "Your CODITECT licence is suspended")
    check(license["suspended_reason"] == "payment_failed", "the licence says why")


async def she_pays(story: Story, invoice: str) -> None:
    """The payment heals everything, with the same key."""
    page = story.page
    await story.move_clock(await story.door.now() + timedelta(days=1))
    page.chapter("She pays", await story.door.now())
    began = time.perf_counter()
    await story.payments.pays_invoice(invoice)
    license = await story.until_status("active")
    took = (time.perf_counter() - began) * 1000

    async def look() -> bool:
        return (await story.desktops[0].sit_down()).status in (200, 201)

    await story.door.until(look, "the first desktop sits again")
    await sit_down(story.desktops)
    check(len(story.seated) == SEATS, "ten sit again")
    await story.payments.settled()
    mail = await story.door.mail(EMAIL, "Your CODITECT licence works again")
    expires = datetime.fromisoformat(license["expires_at"])
    page.say(
        f"A new card. {took:.0f} ms after Stripe's word the licence is [bold]active[/] again, until {day(expires)}; ten"
        f" desktops sit with the same key, and she reads “{quoted(mail['subject'])}”."
    )


def last_tuesday(moment: datetime) -> datetime:
    """Tuesday, 08:00, of the last Tuesday before that day."""
    back = (moment.weekday() - 1) % 7 or 7
    return (moment - timedelta(days=back)).replace(hour=8, minute=0, second=0, microsecond=0)
