"""The outside world as one process sees it: databases, queues, keys, clocks. Made when first asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from inspect import iscoroutinefunction

from adapters.clock import Clock, SandboxClock
from adapters.database import Database
from adapters.device_requests import DeviceRequests
from adapters.email_changes import EmailChanges
from adapters.event_codec import EventCodec
from adapters.familiar_devices import FamiliarDevices
from adapters.group_commit import GroupCommit
from adapters.invoice_papers import InvoicePapers
from adapters.key_index import KeyIndex
from adapters.license_index import LicenseIndex
from adapters.linked_identities import LinkedIdentities
from adapters.login_sessions import LoginSessions
from adapters.machine_names import MachineNames
from adapters.mailer import Mailer
from adapters.memberships import Memberships
from adapters.outbox import Outbox
from adapters.papers.printer import Printer
from adapters.passwords import Passwords
from adapters.personal_data import PersonalData
from adapters.postgres_line import PostgresLine
from adapters.process_beats import ProcessBeats
from adapters.provider_records import ProviderRecords
from adapters.rate_limit import RateLimit
from adapters.redis_client import Client, client_of
from adapters.redis_cluster import line_to
from adapters.redis_line import RedisLine
from adapters.redis_probe import LONGEST, redis_answers
from adapters.remembered import Remembered
from adapters.seat_periods import SeatPeriods
from adapters.seat_rule_names import SeatRuleNames
from adapters.second_factors import SecondFactorSecrets
from adapters.secrets import Secrets
from adapters.sent_invitations import SentInvitations
from adapters.session_callers import SessionCallers
from adapters.settings import Settings
from adapters.sign_in_policies import SignInPolicies
from adapters.signing import SigningKeys
from adapters.stored_answers import StoredAnswers
from adapters.subject_digests import SubjectNames
from adapters.task_queue import TaskQueue, broker_for
from adapters.tokens import Tokens
from adapters.walled import Walled
from adapters.webhook_signatures import WebhookSignatures


@dataclass
class Infrastructure:
    """Nothing is connected before it is needed; `close` closes what was."""

    settings: Settings

    @cached_property
    def unwalled(self) -> Database:
        """For what is the engine's own, and for what a request has decided and stores."""
        return Database(required(self.settings.database_url), size=self.settings.database_pool)

    @cached_property
    def database(self) -> Walled:
        """For whatever is read: in a request for an organization that one's rows only, everything otherwise."""
        return Walled(self.unwalled)

    @cached_property
    def codec(self) -> EventCodec:
        return EventCodec()

    @cached_property
    def group_commit(self) -> GroupCommit:
        """For the event loop of this process."""
        return GroupCommit(required(self.settings.database_url), self.codec)

    @cached_property
    def clock(self) -> Clock:
        return SandboxClock(self.unwalled) if self.settings.sandbox else Clock()

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets(self.settings.secret_key)

    @cached_property
    def signing(self) -> SigningKeys:
        return SigningKeys(self.unwalled, self.secrets)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.secrets)

    @cached_property
    def personal_data(self) -> PersonalData:
        return PersonalData(self.database)

    @cached_property
    def passwords(self) -> Passwords:
        return Passwords()

    @cached_property
    def login_sessions(self) -> LoginSessions:
        return LoginSessions(self.unwalled, self.remembered)

    @cached_property
    def device_requests(self) -> DeviceRequests:
        return DeviceRequests(self.unwalled)

    @cached_property
    def familiar_devices(self) -> FamiliarDevices:
        return FamiliarDevices(self.unwalled, self.tokens)

    @cached_property
    def second_factor_secrets(self) -> SecondFactorSecrets:
        return SecondFactorSecrets(self.unwalled, self.secrets, self.tokens)

    @cached_property
    def linked_identities(self) -> LinkedIdentities:
        return LinkedIdentities(self.unwalled)

    @cached_property
    def sign_in_policies(self) -> SignInPolicies:
        return SignInPolicies(self.unwalled)

    @cached_property
    def email_changes(self) -> EmailChanges:
        return EmailChanges(self.unwalled)

    @cached_property
    def remembered(self) -> Remembered:
        return Remembered(self.database.url)

    @cached_property
    def memberships(self) -> Memberships:
        return Memberships(self.database, self.remembered)

    @cached_property
    def sent_invitations(self) -> SentInvitations:
        return SentInvitations(self.database)

    @cached_property
    def key_index(self) -> KeyIndex:
        return KeyIndex(self.database, self.remembered)

    @cached_property
    def stored_answers(self) -> StoredAnswers:
        return StoredAnswers(self.unwalled, self.secrets)

    @cached_property
    def provider_records(self) -> ProviderRecords:
        return ProviderRecords(self.unwalled)

    @cached_property
    def invoice_papers(self) -> InvoicePapers:
        return InvoicePapers(self.database)

    @cached_property
    def license_index(self) -> LicenseIndex:
        return LicenseIndex(self.unwalled)

    @cached_property
    def session_callers(self) -> SessionCallers:
        return SessionCallers(self.unwalled)

    @cached_property
    def machine_names(self) -> MachineNames:
        return MachineNames(self.database)

    @cached_property
    def seat_rule_names(self) -> SeatRuleNames:
        return SeatRuleNames(self.database)

    @cached_property
    def subject_names(self) -> SubjectNames:
        return SubjectNames(self.database)

    @cached_property
    def redis_line(self) -> RedisLine:
        return line_to(required(self.settings.redis_url))

    @cached_property
    def postgres_line(self) -> PostgresLine:
        """For the event loop of this process."""
        return PostgresLine(self.database.url)

    @cached_property
    def seat_periods(self) -> SeatPeriods:
        url = required(self.settings.redis_url)
        return SeatPeriods(self.database.url, lambda: redis_answers(lambda: line_to(url, timeout=LONGEST)))

    @cached_property
    def redis(self) -> Client:
        """For sync callers, any thread."""
        return client_of(required(self.settings.redis_url))

    @cached_property
    def rate_limit(self) -> RateLimit:
        return RateLimit(self.redis, self.unwalled)

    @cached_property
    def task_queue(self) -> TaskQueue:
        return TaskQueue(broker_for(required(self.settings.broker_url)))

    @cached_property
    def webhook_signatures(self) -> WebhookSignatures:
        return WebhookSignatures(self.settings.stripe_webhook_secrets)

    @cached_property
    def printer(self) -> Printer:
        return Printer()

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.unwalled)

    @cached_property
    def process_beats(self) -> ProcessBeats:
        return ProcessBeats(self.unwalled)

    @cached_property
    def mailer(self) -> Mailer:
        return Mailer(
            self.unwalled,
            mail_from=self.settings.mail_from,
            smtp_url=self.settings.smtp_url,
            sandbox=self.settings.sandbox,
        )

    def close(self) -> None:
        """Closes what was made, the last made first; async parts close with `aclose` before."""
        for name, made in reversed(list(vars(self).items())):
            if name != "settings" and hasattr(made, "close") and not iscoroutinefunction(made.close):
                with suppress(Exception):
                    made.close()

    async def aclose(self) -> None:
        """Closes what belongs to the event loop."""
        for name in ("seat_denials", "group_commit", "usage_log", "redis_line", "postgres_line"):
            if name in vars(self):
                await vars(self)[name].close()


def required(url: str | None) -> str:
    """A server's address, which is known once the embedded servers run."""
    if url is None:
        raise RuntimeError("the servers' addresses are not known yet; see Settings.with_servers")
    return url
