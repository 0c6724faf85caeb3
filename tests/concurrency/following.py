"""A follower in a process of its own; says when it follows, and goes on until it is ended."""

from __future__ import annotations

import sys
import threading
from typing import Any

from adapters.event_codec import EventCodec
from domain.organization import Organization
from projections.follower import Followers
from projections.read_model import ReadModel, insert


class Seen(ReadModel):
    """Every event it was given, in the order of arrival; nothing here would refuse one that comes twice."""

    name = "seen"
    tables = ("seen",)
    ddl = (
        "create table seen (arrival bigint generated always as identity, position bigint, stream uuid, version bigint)"
    )
    handlers = dict.fromkeys(
        (Organization.Registered, Organization.Renamed),
        lambda r: [insert("seen", position=r.position, stream=r.stream_id, version=r.stored.originator_version)],
    )


def follow(database_url: str, stop: threading.Event, beat: Any) -> None:
    Followers(database_url, EventCodec().to_domain_event, [Seen()]).run(stop, beat=beat)


if __name__ == "__main__":
    follow(sys.argv[1], threading.Event(), lambda: print("beat", flush=True))
