"""The mail that an endpoint is told nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from domain.errors import NotFound
from domain.notice import Notice
from domain.webhook_endpoint import WebhookEndpoint
from domain.webhook_url import WebhookUrl

if TYPE_CHECKING:
    from application.organizations import Organizations
    from application.webhook_endpoints import WebhookEndpoints


class WebhookNotices:
    """To whom the organization is written to; for the vendor's own endpoints to `vendor` (name and address), from whom
    all mails come."""

    def __init__(self, endpoints: WebhookEndpoints, organizations: Organizations, *, vendor: tuple[str, str]) -> None:
        self._endpoints = endpoints
        self._organizations = organizations
        self._vendor = vendor

    def disabled(self, id: UUID, kind: str, event: WebhookEndpoint.Disabled) -> Notice | None:
        """None when it was enabled or removed since, or nobody is there to write to."""
        try:
            endpoint = self._endpoints.find(event.originator_id)
        except NotFound:
            return None
        to = self._whom(endpoint.organization_id)
        if endpoint.disabled is None or endpoint.url is None or to is None:
            return None
        name, address = to
        context = {
            "endpoint": WebhookUrl.parse(endpoint.url, sandbox=True).origin,
            "endpoint_id": str(endpoint.endpoint_id),
            "reason": f"webhook_{event.reason.value}",
            "disabled_at": event.timestamp,
            "resumes_at": endpoint.resumes_at,
        }
        subject = endpoint.organization_id or endpoint.endpoint_id
        return Notice(id, kind, address, name, subject, endpoint.organization_id, context)

    def _whom(self, organization_id: UUID | None) -> tuple[str, str] | None:
        if organization_id is None:
            return self._vendor
        contact = self._organizations.contact(organization_id)
        return (contact.name or "", contact.email) if contact and contact.email else None
