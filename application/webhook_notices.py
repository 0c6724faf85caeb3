"""The mail that an endpoint is told nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from application.notices import Writer
from domain.errors import NotFound
from domain.mail_kinds import MailKind
from domain.notice import Draft, Reader
from domain.webhook_endpoint import WebhookEndpoint
from domain.webhook_url import WebhookUrl

if TYPE_CHECKING:
    from adapters.webhook_book import KnownEndpoint
    from application.readers import Readers
    from application.webhook_endpoints import WebhookEndpoints


class WebhookNotices:
    """To whom the organization is written to; for the vendor's own endpoints to `vendor` (name and address), from whom
    all mails come."""

    def __init__(self, endpoints: WebhookEndpoints, readers: Readers, *, vendor: tuple[str, str]) -> None:
        self._endpoints = endpoints
        self._readers = readers
        self._vendor = vendor

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {"webhook_endpoint_disabled": self._disabled}

    def _disabled(self, event: WebhookEndpoint.Disabled) -> Draft | None:
        """Nothing when it was enabled or removed since."""
        try:
            endpoint = self._endpoints.find(event.originator_id)
        except NotFound:
            return None
        reader = self._reader(endpoint)
        if endpoint.disabled is None or endpoint.url is None or reader is None:
            return None
        context = {
            "endpoint": WebhookUrl.parse(endpoint.url, sandbox=True).origin,
            "endpoint_id": str(endpoint.endpoint_id),
            "reason": f"webhook_{event.reason.value}",
            "disabled_at": event.timestamp,
            "resumes_at": endpoint.resumes_at,
        }
        return Draft(MailKind.WEBHOOK_ENDPOINT_DISABLED, reader, context)

    def _reader(self, endpoint: KnownEndpoint) -> Reader | None:
        if endpoint.organization_id is None:
            name, address = self._vendor
            return Reader(endpoint.endpoint_id, None, address, name, self._readers.common_language)
        party = self._readers.organization(endpoint.organization_id)
        return party.reader if party else None
