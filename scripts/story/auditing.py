"""Chapter 8: an auditor asks what was, why, and whether the log is whole."""

from __future__ import annotations

import json
import time
from datetime import datetime

from scripts.story.door import Json
from scripts.story.engine import check
from scripts.story.page import day, quoted, short_day
from scripts.story.paying import last_tuesday
from scripts.story.told import SEATS, Story


async def an_auditor_asks(story: Story) -> None:
    """With a key of the vendor's that can do nothing else."""
    story.page.chapter("An auditor asks", await story.door.now())
    made = await story.door.ask("POST", "/api-keys", expect=201, json={"name": "Auditor", "scopes": ["audit"]})
    key = made["secret"]
    await story.door.ask("GET", "/licenses", token=key, expect=403)
    version = await _as_it_was(story, key)
    await _how_it_came_about(story, key, version)
    _verified(story)


async def _as_it_was(story: Story, key: str) -> int:
    """Answers the version that the licence has today."""
    tuesday = last_tuesday(await story.door.now())
    past = await story.door.get(f"/audit/license/{story.license_id}", token=key, at=_text(tuesday))
    check(past["state"]["status"] == "grace", "last Tuesday it was in grace")
    check(past["state"]["terms"]["seats"] == SEATS, "with ten seats")
    now = await story.door.get(f"/audit/license/{story.license_id}", token=key)
    check(now["state"]["status"] == "active" and now["version"] > past["version"], "today it is active")
    version: int = now["version"]
    story.page.say(
        "With a key that reads the audit and nothing else: “What did this licence look like last Tuesday?”"
        f" {day(tuesday)}: version {past['version']} of {version}, [bold]{past['state']['status']}[/] until"
        f" {day(datetime.fromisoformat(past['state']['grace_ends_at']))}, {SEATS} seats. “And how did it get there?”"
    )
    return version


async def _how_it_came_about(story: Story, key: str, version: int) -> None:
    """Every event of the licence, as soon as the audit's index has the last one."""

    async def look() -> list[Json] | None:
        asked = {"stream": "license", "stream_id": story.license_id, "limit": 100}
        found: list[Json] = (await story.door.get("/audit/events", token=key, **asked))["data"]
        return found if len(found) == version else None

    events = await story.door.until(look, f"the audit lists all {version} events")
    positions = [event["position"] for event in events]
    check(positions == sorted(positions), "the events come in log order")
    types = [event["type"] for event in events]
    check(types[0] == "license.issued" and "license.payment_suspended" in types, "from issue to suspension")
    check(all(event["actor"] and event["cause"] for event in events), "each says who and why")
    for event in events:
        moment = datetime.fromisoformat(event["occurred_at"])
        story.page.item(short_day(moment), f"{quoted(event['sentence'])} [dim](#{event['position']})[/]")


def _verified(story: Story) -> None:
    """The whole log, by the command line on the same data."""
    began = time.perf_counter()
    done = story.engine.run("events", "verify", "--json")
    took = time.perf_counter() - began
    check(done.returncode == 0, f"the log is whole ({done.stdout[-500:]} {done.stderr[-500:]})")
    report = json.loads(done.stdout)
    check(report["ok"] and report["events"] > 100, "usher events verify says so")
    zeros = ("undecodable", "seat_conflicts", "over_limit", "read_model_differences", "billing_differences")
    check(all(report[name] == 0 for name in zeros), "nothing was found")
    story.page.say(
        f"[dim]$ usher events verify[/]  {report['events']} events in {report['streams']} streams, read again in"
        f" {took:.1f} s: none undecodable, no seat ever held twice, never one above the limit, and every read model"
        " says what the log says. [bold green]The log is whole.[/]"
    )


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
