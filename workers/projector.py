"""The process that follows the log: read models are built, the seat pool learns what has changed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from projections.all import read_models
from projections.follower import Followers
from projections.seat_limits import SeatLimits

if TYPE_CHECKING:
    from adapters.bootstrap import Services


def run(services: Services, stop: threading.Event) -> None:
    """Follows until `stop` is set. Any number may run: they take turns and take over."""
    consumers = [*read_models(), SeatLimits(lambda license_ids: services.seat_work.publish(*license_ids))]
    followers = Followers(services.database.url, services.codec.to_domain_event, consumers)
    try:
        followers.run(stop, beat=lambda: services.process_beats.beat("projector"))
    finally:
        services.process_beats.stop("projector")
