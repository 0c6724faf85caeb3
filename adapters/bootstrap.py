"""The composition root: the only place that knows who needs whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property, partial
from typing import Any

from adapters.bootstrap_buying import BuyingServices
from adapters.bootstrap_data import DataServices
from adapters.bootstrap_mail import MailServices
from adapters.bootstrap_outbound import OutboundServices
from adapters.bootstrap_people import PeopleServices
from adapters.bootstrap_tokens import TokenServices
from adapters.bootstrap_usage import UsageServices
from adapters.group_commit import GroupCommit
from adapters.infrastructure import required
from adapters.license_file import build_license_file
from adapters.log_scan import LogScan
from adapters.postgres_line import PostgresLine
from adapters.queue_tickets import QueueTickets
from adapters.redis_cluster import line_to
from adapters.redis_line import RedisLine
from adapters.return_statement import ReturnStatements
from adapters.seat_claims import SeatClaims
from adapters.seat_epochs import SeatEpochs
from adapters.seat_log import SeatLog
from adapters.settings import Settings
from adapters.signing_key import Algorithm
from adapters.switching_seats import SwitchingSeats
from adapters.ticket_seal import TicketSeals
from adapters.user_digests import UserDigests
from adapters.verification_records import VerificationRecords
from application.errands import Errands
from application.history import History
from application.licenses import Licenses
from application.machines import LicenseMachines
from application.overage_billing import OverageBilling
from application.purchase_claims import PurchaseClaims
from application.queue_rounds import QueueRounds
from application.seat_admission import SeatAdmission
from application.seat_denials import SeatDenials
from application.seat_moves import SeatMoves
from application.seat_pool import SeatPool
from application.seat_queue import SeatQueue
from application.seat_rules import LicenseSeatRules
from application.seat_work import SeatWork
from application.seats import Denied, Seats
from application.ticket_endings import TicketEndings
from application.validation import Validation
from application.verification import Verification
from projections.all import read_models
from projections.audit import list_events
from projections.comparison import compare as compare_read_models


class Services(
    PeopleServices, BuyingServices, MailServices, OutboundServices, UsageServices, TokenServices, DataServices
):
    """What the system can be asked to do, in one process."""

    @cached_property
    def licenses(self) -> Licenses:
        return Licenses(self.store, self.catalog, self.license_keys, self.license_index, self.works, self.clock)

    def license_file(self, facts: Mapping[str, Any], algorithm: str = Algorithm.ED25519) -> bytes:
        """The signed file that proves `facts`; `InvalidRequest` for an algorithm we do not have."""
        return build_license_file(self.signing, facts, algorithm=algorithm, now=self.clock.now())

    @cached_property
    def machines(self) -> LicenseMachines:
        return LicenseMachines(self.licenses, self.machine_names, self.works)

    @cached_property
    def seat_rules(self) -> LicenseSeatRules:
        return LicenseSeatRules(self.seat_rule_names, UserDigests(self.secrets), self.works)

    @cached_property
    def seats(self) -> Seats:
        """For the event loop of this process."""
        pool = self._seat_pool(self.redis_line, self.postgres_line)
        return self._seats(pool, self.group_commit, self.seat_denials.note)

    @cached_property
    def seat_denials(self) -> SeatDenials:
        """For the event loop of this process."""
        return SeatDenials(self.group_commit, self.store, SeatLog(self.unwalled, self.codec), self.clock)

    @cached_property
    def seat_moves(self) -> SeatMoves:
        """For the event loop of this process."""
        return SeatMoves(
            self.seats,
            SeatLog(self.unwalled, self.codec),
            self.session_callers,
            SeatClaims(self.unwalled),
            self.seat_admission,
            self.clock,
            ReturnStatements(),
        )

    @cached_property
    def seat_queue(self) -> SeatQueue:
        """For the event loop of this process."""
        pool = self._seat_pool(self.redis_line, self.postgres_line)
        tickets, claims = QueueTickets(self.unwalled), SeatClaims(self.unwalled)
        return SeatQueue(
            seats=self.seats,
            rounds=QueueRounds(pool, self.seats.loading, tickets, claims, self.clock),
            endings=self.ticket_endings,
            tickets=tickets,
            claims=claims,
            admission=self.seat_admission,
            log=self.group_commit,
            seals=TicketSeals(self.secrets),
            rate_limit=self.rate_limit,
            clock=self.clock,
        )

    @cached_property
    def ticket_endings(self) -> TicketEndings:
        """For threads and workers."""
        return TicketEndings(self.store, QueueTickets(self.unwalled), self.clock)

    @cached_property
    def validation(self) -> Validation:
        """For the event loop of this process."""
        pool = self._seat_pool(self.redis_line, self.postgres_line)
        return Validation(pool, self.seats.loading, self.license_index)

    @cached_property
    def seat_work(self) -> SeatWork:
        """For threads and workers."""
        return SeatWork(self.loop_thread, self._open_seats)

    @asynccontextmanager
    async def _open_seats(self) -> AsyncIterator[Seats]:
        redis, postgres = line_to(required(self.settings.redis_url)), PostgresLine(self.database.url)
        log = GroupCommit(required(self.settings.database_url), self.codec)
        try:
            yield self._seats(self._seat_pool(redis, postgres), log)
        finally:
            await log.close()
            await redis.close()
            await postgres.close()

    def _seat_pool(self, redis: RedisLine, postgres: PostgresLine) -> SwitchingSeats:
        return SwitchingSeats(self.seat_periods, redis, postgres, lambda: self.clock.offset)

    def _seats(self, pool: SeatPool, log: GroupCommit, denied: Denied = lambda *_: None) -> Seats:
        return Seats(
            pool=pool,
            log=log,
            store=self.store,
            seat_log=SeatLog(self.unwalled, self.codec),
            epochs=SeatEpochs(self.unwalled),
            callers=self.session_callers,
            claims=SeatClaims(self.unwalled),
            admission=self.seat_admission,
            license_index=self.license_index,
            signing=self.signing,
            clock=self.clock,
            denied=denied,
        )

    @property
    def seat_admission(self) -> SeatAdmission:
        """For one event loop."""
        tickets = QueueTickets(self.unwalled)
        return SeatAdmission(SeatClaims(self.unwalled), UserDigests(self.secrets), tickets, self.clock)

    @cached_property
    def errands(self) -> Errands:
        claims = PurchaseClaims(
            self.store, self.personal_data, self.organizations, self.memberships, self.billing_accounts, self.works
        )
        ends = self.seat_work, self.webhook_endpoints, OverageBilling(self.store, self.provider_commands)
        return Errands(self.store, self.outbox, self.notices, self.mailing.post, claims, *ends, self.clock)

    # what happened, and whether it is whole

    @cached_property
    def history(self) -> History:
        return History(LogScan(self.database), self.codec, self._audit_index, self.clock)

    def _audit_index(self, **asked: Any) -> list[dict[str, Any]]:
        with self.database.connection() as connection:
            return list_events(connection, **asked)

    @cached_property
    def verification(self) -> Verification:
        compare = partial(compare_read_models, self.database.url, self.codec.to_domain_event, read_models())
        records = VerificationRecords(self.unwalled)
        return Verification(LogScan(self.database), self.codec, compare, records, self.clock)


def build(settings: Settings) -> Services:
    """The services of one process."""
    return Services(settings)
