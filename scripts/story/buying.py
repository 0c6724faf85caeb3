"""Chapters 1 and 2: a person arrives and buys; a payment becomes a licence."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.story.desktops import Desktop
from scripts.story.door import Json
from scripts.story.engine import check
from scripts.story.page import number, quoted
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
    await payments.sells()
    await payments.fault("reorder", seconds=0.4)
    await payments.fault("duplicate", event="invoice.paid", times=1)
    story.subscription = await payments.checkout(story.organization_id, EMAIL, NAME)
    events = payments.events()
    check((await payments.post(events[0], "whsec_somebody_else")).status_code == 400, "a forged event is refused")
    await payments.settled()
    await payments.no_faults()
    check((await payments.post(events[0])).json()["duplicate"] is True, "an event is told to be a duplicate")
    await _in_another_order(story, events)
    page.say(
        f"$99.00 a month for {SEATS} seats, paid on Stripe's page. Stripe tells it in"
        f" {number(len(events), 'signed event')}; they come shuffled on purpose, and one of them twice. Each is stored"
        f" before it is answered ({await payments.milliseconds(events):.0f} ms), a repeated one is recognised, a forged"
        " one is refused."
    )
    mail = await door.mail(EMAIL, "Your CODITECT licence")
    await _exactly_one_licence(story, mail)
    await _file_proves_itself(story, mail)


async def _in_another_order(story: Story, events: list[Json]) -> None:
    """Each webhook came to its end, once, though they came as they did not come about."""
    ends = [await story.door.everything("/audit/events", type=f"provider_event.{end}") for end in ENDS]
    received = await story.door.everything("/audit/events", type="provider_event.received")
    check(sum(map(len, ends)) == len(received), "each webhook came to its end, once")
    heard = [event["data"]["event"] for event in received]
    told = [event["id"] for event in events]
    check(set(told) <= set(heard), "nothing is missing")
    check([id for id in heard if id in told] != told, "they came in another order")


async def _exactly_one_licence(story: Story, mail: Json) -> None:
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
        "What came too early was looked up at Stripe, or waited. The outcome is the same in every order: [bold]one[/]"
        " licence, [bold]one[/] mail."
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
