"""The part of the composition root that is about mails; `bootstrap.py` holds the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from adapters.address_digests import AddressDigests
from adapters.emails.kinds import license_file_name
from adapters.emails.samples import preview
from adapters.emails.speech import languages
from adapters.infrastructure import Infrastructure
from adapters.mail_log import MailLog
from adapters.mailer import Mailer
from application.deletion_notices import DeletionNotices
from application.invoice_notices import InvoiceNotices
from application.license_notices import LicenseNotices
from application.mail_addresses import MailAddresses
from application.mailing import Mailing
from application.managing import Managing
from application.notices import Notices
from application.person_notices import PersonNotices
from application.purchases import Purchases
from application.quota_notices import QuotaNotices
from application.readers import Readers
from application.reminding import Reminding
from application.resending import Resending
from application.subscription_notices import SubscriptionNotices
from domain.ids import vendor_id
from domain.vendor import Identity, Vendor

if TYPE_CHECKING:
    from adapters.stripe_client import Stripe
    from application.buying import Buying
    from application.catalog import Catalog
    from application.license_keys import LicenseKeys
    from application.member_notices import MemberNotices
    from application.sign_in_notices import SignInNotices
    from application.store import Store
    from application.users import Users
    from application.webhook_notices import WebhookNotices


class MailServices(Infrastructure):
    """What mails say, to whom they go, and what became of them."""

    if TYPE_CHECKING:
        store: Store
        catalog: Catalog
        users: Users
        license_keys: LicenseKeys
        buying: Buying
        stripe_account: Stripe | None
        webhook_notices: WebhookNotices
        member_notices: MemberNotices
        sign_in_notices: SignInNotices

        @property
        def upgrade_url(self) -> str: ...
        def license_file(self, facts: Mapping[str, Any]) -> bytes: ...
        def invoice_pdf(self, invoice_id: UUID, language: str | None = None) -> tuple[str, bytes]: ...
        def credit_note_pdf(
            self, invoice_id: UUID, credit_note_id: UUID, language: str | None = None
        ) -> tuple[str, bytes]: ...

    mail_languages = staticmethod(languages)
    mail_preview = staticmethod(preview)
    license_file_name = staticmethod(license_file_name)

    @cached_property
    def mailer(self) -> Mailer:
        return Mailer(
            self.unwalled,
            mail_from=self.settings.mail_from,
            smtp_url=self.settings.smtp_url,
            sandbox=self.settings.sandbox,
            vendor=self.vendor_identity,
        )

    def vendor_identity(self) -> Identity | None:
        """Who sells, as the catalogue says; None while it does not."""
        vendor = self.store.find(Vendor, vendor_id())
        return vendor.identity if vendor else None

    @cached_property
    def mail_log(self) -> MailLog:
        return MailLog(self.database)

    @cached_property
    def mail_addresses(self) -> MailAddresses:
        digests = AddressDigests(self.secrets)
        return MailAddresses(self.store, digests, self.tokens, self.clock, public_url=self.settings.public_url)

    @cached_property
    def mailing(self) -> Mailing:
        return Mailing(self.mailer, self.mail_addresses, self.clock)

    @cached_property
    def readers(self) -> Readers:
        return Readers(self.store, self.personal_data)

    @cached_property
    def managing(self) -> Managing:
        portal = self._portal_page if self.stripe_account else None
        return Managing(self.store, portal, self.tokens, self.clock, public_url=self.settings.public_url)

    def _portal_page(self, organization_id: UUID, subscription_id: UUID, return_url: str) -> str:
        opened = self.buying.portal(organization_id, return_url=return_url, subscription_id=subscription_id)
        return opened.url or return_url

    @cached_property
    def purchases(self) -> Purchases:
        return Purchases(self.store, self.catalog, self.readers, self.invoice_papers, self.clock, self.managing.url)

    @cached_property
    def notices(self) -> Notices:
        store, purchases, clock = self.store, self.purchases, self.clock
        papers = self.invoice_pdf, self.credit_note_pdf
        parts = (
            PersonNotices(store, self.readers, self.users),
            self.member_notices,
            DeletionNotices(store, self.readers),
            self.sign_in_notices,
            LicenseNotices(store, purchases, self.license_keys, self.license_file, license_file_name, clock),
            SubscriptionNotices(store, purchases, clock),
            InvoiceNotices(store, self.readers, purchases, *papers, clock),
            QuotaNotices(store, self.catalog, self.readers, clock, upgrade_url=self.upgrade_url),
            self.webhook_notices,
        )
        writers = {kind: writer for part in parts for kind, writer in part.writers.items()}
        return Notices(store, self.catalog, writers, clock)

    @cached_property
    def resending(self) -> Resending:
        return Resending(self.store, self.mail_log, self.notices, self.clock)

    @cached_property
    def reminding(self) -> Reminding:
        return Reminding(self.store, self.clock)
