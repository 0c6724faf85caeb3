"""Chapters 1 and 2: a person arrives and buys; a payment becomes a licence."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

from scripts.story.desktops import Desktop
from scripts.story.door import Json
from scripts.story.engine import check
from scripts.story.page import number, quoted
from scripts.story.payments import PRICE
from scripts.story.proof import is_refused, licence_of
from scripts.story.told import COMPANY, EMAIL, NAME, PASSWORD, SEATS, Story

ENDS = ("processed", "ignored")
CATALOGUE = Path(__file__).parents[2] / "docs" / "catalogs" / "coditect.yaml"


async def a_customer_arrives(story: Story) -> None:
    """She registers, confirms her address and logs in; the vendor has applied a catalogue."""
    page, door = story.page, story.door
    page.chapter("A customer arrives", await door.now())
    await _apply_catalogue(story)
    account = {"email": EMAIL, "password": PASSWORD, "full_name": NAME, "company_name": COMPANY}
    made = await door.ask("POST", "/auth/register", token="", expect=201, json=account)
    story.organization_id = made["organization_id"]
    await door.ask("POST", "/auth/login", token="", expect=403, json={"email": EMAIL, "password": PASSWORD})
    mail = await door.mail(EMAIL, "Confirm your e-mail address")
    link = re.search(r"http://\S+verify-email\S+", mail["text"])
    check(link, "the mail holds a link")
    opened = await door.follow(link[0])  # type: ignore[index]
    check(opened.status_code == 200 and "confirmed" in opened.text, "the link confirms the address")
    me = await door.get("/me", token=await story.her_token())
    check(me["email_verified"] and me["organization_id"] == story.organization_id, "she is confirmed")
    page.say(
        f"{NAME} of {COMPANY} registers. She cannot log in yet: a mail “{quoted(mail['subject'])}” waits for her."
        " She follows its link, and she can."
    )


async def _apply_catalogue(story: Story) -> None:
    answer = await story.door.ask(
        "PUT", "/admin/catalog", content=CATALOGUE.read_bytes(), headers={"Content-Type": "application/yaml"}
    )
    check(answer, "the catalogue is applied")

    async def look() -> list[Json] | None:
        plans: list[Json] = (await story.door.get("/plans"))["data"]
        return plans if [plan["code"] for plan in plans] == ["starter", "pro", "enterprise"] else None

    plans = await story.door.until(look, "the plans are on sale, cheapest first")
    story.page.say(
        f"The vendor applies a catalogue, one YAML file: {number(len(plans), 'plan')} of CODITECT are on sale."
    )


async def she_buys(story: Story) -> None:
    """Signed webhooks, shuffled, one twice; one licence, one mail, a file that proves itself."""
    page, door, payments = story.page, story.door, story.payments
    page.chapter("She buys CODITECT Pro", await door.now())
    payments.account.advance_to(await door.now())
    events = payments.account.checkout(price=PRICE, email=EMAIL, name=NAME, client_reference_id=story.organization_id)
    story.subscription = events.the("subscription")["id"]
    check(await payments.forge(events[0]) == 400, "an event signed by somebody else is refused")
    shuffled: list[Json] = Random(3).sample(events, len(events))
    delivered = await payments.deliver([*shuffled, shuffled[0]])
    check(delivered.duplicates == [shuffled[0]["id"]], "one event is told to be a duplicate")
    page.say(
        f"$99.00 a month for {SEATS} seats. Stripe tells it in {number(len(events), 'signed event')}; we deliver them"
        f" shuffled on purpose, and one of them twice. Each is stored before it is answered"
        f" ({delivered.milliseconds:.0f} ms), the repeated one is recognised, a forged one is refused."
    )
    mail = await door.mail(EMAIL, "Your CODITECT licence")
    await payments.settled()
    await _exactly_one_licence(story, mail, await _how_many_waited(story, len(events)))
    await _file_proves_itself(story, mail)


async def _how_many_waited(story: Story, count: int) -> int:
    """How many of `count` webhooks came before what they depend on, as the audit tells it."""

    async def look() -> bool:
        ends = [await story.door.everything("/audit/events", type=f"provider_event.{end}") for end in ENDS]
        return sum(map(len, ends)) == count

    await story.door.until(look, f"each of the {count} webhooks came to its end, once")
    deferred = await story.door.everything("/audit/events", type="provider_event.deferred")
    return len({event["stream_id"] for event in deferred})


async def _exactly_one_licence(story: Story, mail: Json, waited: int) -> None:
    door = story.door
    token = await story.her_token()

    async def look() -> list[Json]:
        listed: list[Json] = (await door.get("/licenses", token=token))["data"]
        return listed

    (license,) = await door.until(look, "she sees her licence")
    check(license["status"] == "active" and license["seats"]["limit"] == SEATS, "one active licence of ten seats")
    (subscription,) = (await door.get("/subscriptions", token=token, provider_id=story.subscription))["data"]
    check(subscription["id"] == license["subscription_id"], "it is that of her subscription")
    mails = [
        each for each in (await door.get("/sandbox/mails", to=EMAIL))["data"] if each["subject"] == mail["subject"]
    ]
    check(len(mails) == 1, "one licence mail, whatever the order")
    story.license_id = license["id"]
    key = re.search(r"CODI(-[0-9A-Z]{5}){5}", mail["text"])
    check(key, "the mail holds the key")
    story.license_key = key[0]  # type: ignore[index]
    story.page.say(
        f"{number(waited, 'event')} came too early and waited for what they depend on. The outcome is the same in every"
        f" order: [bold]one[/] licence, [bold]one[/] mail."
    )


async def _file_proves_itself(story: Story, mail: Json) -> None:
    """Offline, with nothing but the published keys."""
    door = story.door
    story.key_set = (await door.client.get("/.well-known/usher-keys.json")).json()
    (name,) = mail["attachments"]
    file = await _attachment(story, mail, name)
    licence, kid = licence_of(file, story.key_set)
    check(licence["id"] == story.license_id and licence["seats"]["limit"] == SEATS, "the file says what she bought")
    check(story.license_key.endswith(licence["key_hint"][-4:]), "the file names the key by its hint")
    check(is_refused(file, story.key_set), "a changed file is refused")
    story.page.say(
        f"The mail brings the key ({quoted(licence['key_hint'])}) and {name}, signed with Ed25519 by key {kid}. We"
        " check it offline with nothing but the published key set: it holds, and a copy with 100 seats written in does"
        " not."
    )


async def _attachment(story: Story, mail: Json, name: str) -> bytes:
    answer = await story.door.client.get(
        f"/api/v1/sandbox/mails/{mail['id']}/attachments/{name}",
        headers={"Authorization": f"Bearer {story.engine.admin_key}"},
    )
    check(answer.status_code == 200, "the attachment can be fetched")
    return answer.content


def thirty_desktops(story: Story) -> list[Desktop]:
    return [Desktop(f"desk-{n:02}", story.door.client, story.license_key) for n in range(1, 31)]
