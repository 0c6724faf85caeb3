"""The process that turns facts into errands (mails, sessions that a licence has lost) and into deliveries of webhooks.

The log is the outbox."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from application.reactions import ERRANDS, errands_of
from projections.dispatcher import Dispatcher
from projections.follower import Followers

if TYPE_CHECKING:
    from adapters.bootstrap import Services


def run(services: Services, stop: threading.Event) -> None:
    """Follows until `stop` is set. Any number may run: they take turns and take over."""
    dispatcher = Dispatcher(ERRANDS, errands_of, services.outbox.put)
    feeds = services.webhook_feeds()
    followers = Followers(services.database.url, services.codec.to_domain_event, [dispatcher, feeds])

    def after_each_round() -> None:
        """Workers hear of what is due once it is committed; what they do not hear of the sweeps find."""
        for errand_id in dispatcher.entered():
            services.task_queue.run_errand(errand_id)
        for endpoint_id, owner in feeds.entered():
            services.task_queue.deliver_webhooks(endpoint_id, owner)
        services.process_beats.beat("dispatcher")

    try:
        followers.run(stop, beat=after_each_round)
    finally:
        services.process_beats.stop("dispatcher")
