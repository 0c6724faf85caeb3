"""The process that follows the logs: read models are built, seat pool and quota pool learn what has changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from projections.all import read_models
from projections.follower import Followers
from projections.log import EVENTS
from projections.read_model import Follower
from projections.seat_limits import SeatLimits
from projections.usage_log import USAGE

if TYPE_CHECKING:
    from adapters.bootstrap import Services


def run(services: Services, stop: threading.Event) -> None:
    """Follows until `stop` is set. Any number may run: they take turns and take over.

    What follows the usage log has threads of its own: many records must not keep events waiting, and those who look
    at them closely must not keep the others waiting.
    """
    seat_limits = SeatLimits(lambda license_ids: services.seat_work.publish(*license_ids))
    rights, heads, warnings = services.quota_tellers()
    models = read_models()
    of_events = [each for each in models if each.log == EVENTS]
    of_usage = [each for each in models if each.log == USAGE]
    with ThreadPoolExecutor(2, thread_name_prefix="following-usage") as threads:
        beside = [
            threads.submit(_followers(services, consumers).run, stop) for consumers in ([*of_usage, heads], [warnings])
        ]

        def beat() -> None:
            for each in beside:
                if each.done():
                    each.result()  # raises what it fell over: then this process is to be started anew
            services.process_beats.beat("projector")

        try:
            _followers(services, [*of_events, seat_limits, rights]).run(stop, beat=beat)
        finally:
            stop.set()
            services.process_beats.stop("projector")


def _followers(services: Services, consumers: Sequence[Follower]) -> Followers:
    return Followers(services.database.url, services.codec.to_domain_event, consumers)
