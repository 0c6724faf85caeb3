"""The part of the composition root that is about outgoing webhooks; `bootstrap.py` holds the rest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from adapters.emails.envelope import Mailbox
from adapters.event_recorder import EventRecorder
from adapters.infrastructure import Infrastructure
from adapters.network_reach import Reach, Unreachable
from adapters.standard_webhooks import make_secret
from adapters.webhook_book import WebhookBook
from adapters.webhook_deliveries import NewDelivery, WebhookDeliveries
from adapters.webhook_delivery_log import WebhookDeliveryLog
from adapters.webhook_post import WebhookPost
from application.store import Store
from application.webhook_courier import WebhookCourier
from application.webhook_documents import WebhookDocuments
from application.webhook_endpoints import WebhookEndpoints
from application.webhook_notices import WebhookNotices
from application.webhook_payloads import WebhookPayloads
from domain.webhook_url import WebhookUrl, not_public
from projections.webhook_feeds import WebhookFeeds

if TYPE_CHECKING:
    from application.catalog import Catalog
    from application.readers import Readers


class OutboundServices(Infrastructure):
    """Endpoints, what they are told, and how it gets there."""

    if TYPE_CHECKING:
        store: Store
        catalog: Catalog
        readers: Readers

    @cached_property
    def webhook_book(self) -> WebhookBook:
        return WebhookBook(self.database, self.secrets)

    @cached_property
    def webhook_deliveries(self) -> WebhookDeliveries:
        return WebhookDeliveries(self.unwalled)

    @cached_property
    def webhook_delivery_log(self) -> WebhookDeliveryLog:
        return WebhookDeliveryLog(self.database)

    @cached_property
    def network_reach(self) -> Reach:
        return Reach(everywhere=self.settings.sandbox)

    @cached_property
    def webhook_endpoints(self) -> WebhookEndpoints:
        return WebhookEndpoints(
            self.store,
            self.webhook_book,
            self.webhook_deliveries,
            self.webhook_delivery_log,
            self.clock,
            check_url=self._check_webhook_url,
            make_secret=make_secret,
            wake=self.task_queue.deliver_webhooks,
        )

    @cached_property
    def webhook_payloads(self) -> WebhookPayloads:
        """Past the wall between tenants: what an endpoint was told it may read again, whoever has the thing by now."""
        everything = Store(EventRecorder(self.unwalled), self.codec)
        return WebhookPayloads(everything, WebhookDocuments(self.catalog))

    @cached_property
    def webhook_courier(self) -> WebhookCourier:
        return WebhookCourier(
            self.webhook_book,
            self.webhook_deliveries,
            self.webhook_payloads,
            WebhookPost(self.network_reach, sandbox=self.settings.sandbox),
            self.webhook_endpoints,
            self.clock,
        )

    @cached_property
    def webhook_notices(self) -> WebhookNotices:
        vendor = Mailbox.parse(self.settings.mail_from)
        return WebhookNotices(self.webhook_endpoints, self.readers, vendor=(vendor.name, vendor.address))

    @property
    def erasable_webhook_data(self) -> tuple[WebhookBook, WebhookDeliveries]:
        """Each has `erase(organization_id)`, the statement that forgets what may be about people."""
        return self.webhook_book, self.webhook_deliveries

    def webhook_feeds(self) -> WebhookFeeds:
        """A new one, for a process that follows the log or brings feeds on."""
        return WebhookFeeds(self.webhook_deliveries, NewDelivery, self.codec.to_domain_event, self.clock.now)

    def _check_webhook_url(self, text: str) -> None:
        """Whether anything may be sent there, as far as it can be known today; the sandbox needs no name server."""
        url = WebhookUrl.parse(text, sandbox=self.settings.sandbox)
        if self.settings.sandbox:
            return
        try:
            self.network_reach.addresses(url.host, url.port)
        except Unreachable:
            raise not_public() from None
