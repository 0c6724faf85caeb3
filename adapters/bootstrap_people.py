"""The part of the composition root that is about people, their organizations and their programs; see bootstrap.py."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.infrastructure import Infrastructure
from adapters.login_providers import providers_of
from application.api_keys import ApiKeys
from application.device_logins import DeviceLogins
from application.email_addresses import EmailAddresses
from application.erasure import Erasure
from application.guessing import Guessing
from application.invitations import Invitations
from application.license_guard import LicenseGuard
from application.logins import Logins
from application.member_notices import MemberNotices
from application.members import Members
from application.organizations import Organizations
from application.page_logins import PageLogins
from application.provider_logins import ProviderLogins
from application.second_factors import SecondFactors
from application.sign_in_links import SignInLinks
from application.sign_in_notices import SignInNotices
from application.sign_in_rules import SignInRules
from application.users import Users
from application.work import Works
from projections.subscriptions import running

if TYPE_CHECKING:
    from adapters.device_requests import DeviceRequests
    from adapters.email_changes import EmailChanges
    from adapters.familiar_devices import FamiliarDevices
    from adapters.mailer import Mailer
    from adapters.rights_log import RightsLog
    from adapters.webhook_book import WebhookBook
    from adapters.webhook_deliveries import WebhookDeliveries
    from application.policies import Policies
    from application.quota_work import QuotaWork
    from application.readers import Readers
    from application.rights_book import RightsBook
    from application.seat_work import SeatWork
    from application.store import Store


class PeopleServices(Infrastructure):
    """What can be asked of users, members and API keys."""

    if TYPE_CHECKING:
        store: Store
        readers: Readers
        mailer: Mailer
        seat_work: SeatWork
        quota_work: QuotaWork
        policies: Policies
        rights_log: RightsLog
        rights_book: RightsBook
        upgrade_url: str
        erasable_webhook_data: tuple[WebhookBook, WebhookDeliveries]

    @cached_property
    def works(self) -> Works:
        return Works(self.store, self.license_guard, self.clock)

    @cached_property
    def license_guard(self) -> LicenseGuard:
        return LicenseGuard(self.seat_work, self.quota_work, self.clock)

    @cached_property
    def users(self) -> Users:
        return Users(
            self.store,
            self.personal_data,
            self.passwords,
            self.login_sessions,
            self.memberships,
            self.tokens,
            self.policies,
            self.clock,
            public_url=self.settings.public_url,
        )

    @cached_property
    def logins(self) -> Logins:
        return Logins(
            self.store,
            self.personal_data,
            self.passwords,
            self.memberships,
            self.login_sessions,
            self.familiar_devices,
            self.sign_in_policies,
            self.tokens,
            self.clock,
        )

    @cached_property
    def guessing(self) -> Guessing:
        return Guessing(self.store, self.personal_data, self.tokens, self.clock)

    @cached_property
    def second_factors(self) -> SecondFactors:
        return SecondFactors(self.store, self.second_factor_secrets, self.clock)

    @cached_property
    def provider_logins(self) -> ProviderLogins:
        return ProviderLogins(
            self.store,
            self.personal_data,
            self.passwords,
            self.memberships,
            self.linked_identities,
            providers_of(self.settings),
            self.tokens,
            self.clock,
            public_url=self.settings.public_url,
        )

    @cached_property
    def sign_in_rules(self) -> SignInRules:
        return SignInRules(self.works, self.sign_in_policies)

    @cached_property
    def sign_in_links(self) -> SignInLinks:
        return SignInLinks(
            self.store,
            self.personal_data,
            self.passwords,
            self.tokens,
            self.clock,
            public_url=self.settings.public_url,
        )

    @cached_property
    def email_addresses(self) -> EmailAddresses:
        return EmailAddresses(
            self.store,
            self.personal_data,
            self.email_changes,
            self.tokens,
            self.clock,
            public_url=self.settings.public_url,
        )

    @cached_property
    def device_logins(self) -> DeviceLogins:
        return DeviceLogins(self.store, self.logins, self.device_requests, self.tokens, self.clock)

    @cached_property
    def page_logins(self) -> PageLogins:
        return PageLogins(self.logins, self.login_sessions, self.tokens, self.clock)

    @cached_property
    def organizations(self) -> Organizations:
        return Organizations(self.store, self.works, self.personal_data, self.memberships, self.rights_log, self.clock)

    @cached_property
    def members(self) -> Members:
        return Members(self.works, self.personal_data, self.memberships)

    @cached_property
    def invitations(self) -> Invitations:
        return Invitations(
            self.works,
            self.sent_invitations,
            self.personal_data,
            self.memberships,
            self.organizations,
            self.passwords,
            self.tokens,
            self.policies,
            self.clock,
            public_url=self.settings.public_url,
        )

    @cached_property
    def member_notices(self) -> MemberNotices:
        return MemberNotices(
            self.personal_data, self.readers, self.memberships, self.sent_invitations, self.invitations
        )

    @cached_property
    def sign_in_notices(self) -> SignInNotices:
        return SignInNotices(self.readers, self.users, self.login_sessions, self.sign_in_links, self.email_addresses)

    @cached_property
    def api_keys(self) -> ApiKeys:
        return ApiKeys(self.store, self.key_index, self.rights_book, self.clock, upgrade_url=self.upgrade_url)

    @cached_property
    def erasure(self) -> Erasure:
        return Erasure(
            self.works,
            self.personal_data,
            self.memberships,
            self.sent_invitations,
            self.login_sessions,
            self.key_index,
            running=self.running_subscriptions,
            traces_of=[
                self.mailer.erasing,
                lambda user_id, _: [each.erasing(user_id) for each in self._of_sign_ins],
                lambda user_id, _: self.second_factor_secrets.removing(user_id),
                lambda user_id, _: self.linked_identities.erasing(user_id),
                lambda _, deserted: [each.erase(id) for id in deserted for each in self.erasable_webhook_data],
            ],
        )

    @property
    def _of_sign_ins(self) -> tuple[DeviceRequests | FamiliarDevices | EmailChanges, ...]:
        """Tables with rows that are a person's own."""
        return self.device_requests, self.familiar_devices, self.email_changes

    def running_subscriptions(self, organization_id: UUID) -> list[UUID]:
        """Those that will be charged again."""
        with self.database.connection() as connection:
            return running(connection, organization_id)
