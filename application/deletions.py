"""Deleting people and organizations: asked for, reminded of, stopped or done, by steps that can be done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import structlog

from application.erasure import Erasure
from application.licenses import Licenses
from application.reactions import mail
from application.store import Store
from application.work import Work, Works
from domain.api_key import ApiKey
from domain.custody import Custody, LegalHold
from domain.errors import NotAllowed, NotFound, Unavailable
from domain.ids import custody_id_for, message_id
from domain.license import License
from domain.member_errors import LastOwner, SubscriptionsRunning
from domain.organization import Organization
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.data_sweep import DataSweep, Whose
    from adapters.database import Row
    from adapters.deletions import Deletion, DeletionBook
    from adapters.key_index import KeyIndex
    from adapters.memberships import Memberships
    from adapters.outbox import Outbox
    from adapters.rights_log import RightsLog
    from application.webhook_endpoints import WebhookEndpoints

log = structlog.get_logger()

REMIND_BEFORE = timedelta(days=3)
_REASON = "the organization was deleted"
_AT_ONCE_IN_LOG = 100
_AT_ONCE = 10


class Hands(NamedTuple):
    """What an organization's end reaches for."""

    erasure: Erasure
    licenses: Licenses
    rights: RightsLog
    keys: KeyIndex
    memberships: Memberships
    endpoints: WebhookEndpoints
    outbox: Outbox


class Deletions:
    """`running(organization_id)` are its subscriptions that will be charged again; `whose(kind, subject_id)` by what
    its data is found; `ending(organization_id)` statements that forget whom it wrote to and invited."""

    def __init__(
        self,
        store: Store,
        works: Works,
        book: DeletionBook,
        sweep: DataSweep,
        hands: Hands,
        clock: Clock,
        *,
        delay: timedelta,
        papers_kept: timedelta,
        running: Callable[[UUID], Sequence[UUID]],
        whose: Callable[[str, UUID], Whose],
        ending: Callable[[UUID], Sequence[Row]],
    ) -> None:
        self._store = store
        self._works = works
        self._book = book
        self._sweep = sweep
        self._hands = hands
        self._clock = clock
        self._delay = delay
        self._papers_kept = papers_kept
        self._running = running
        self._whose = whose
        self._ending = ending

    # asking and stopping

    def schedule_person(self, user_id: UUID) -> Deletion:
        """Refused as `Erasure.erase` would; again: the first date stands."""
        joined = self._hands.memberships.of_user(user_id)
        organizations = [self._store.fetch(Organization, each.organization_id) for each in joined]
        self._hands.erasure.leave(organizations, user_id, self._clock.now())  # tried on copies, which are forgotten

        def decide(work: Work, now: datetime) -> None:
            user = work.fetch(User, user_id)
            user.schedule_deletion(now + self._delay, now=now)
            self._schedule(work, user, "person", now)

        self._works.run(decide)
        return self.find(user_id)

    def schedule_organization(self, organization_id: UUID, *, by: UUID) -> Deletion:
        """`SubscriptionsRunning` while something will be charged again."""
        self._refuse_running(organization_id)

        def decide(work: Work, now: datetime) -> None:
            organization = work.fetch(Organization, organization_id)
            if by not in organization.owners:
                raise NotAllowed("Only an owner can have the organization deleted.")
            custody = self._custody(work, organization_id, now)
            custody.schedule_deletion(now + self._delay, asked_by=by, now=now)
            self._schedule(work, custody, "organization", now)

        self._works.run(decide)
        return self.find(organization_id)

    def stop(self, kind: str, subject_id: UUID) -> None:
        """`NotFound` when none is scheduled."""
        if self.find(subject_id).state != "scheduled":
            raise NotFound.of("deletion", subject_id)

        def decide(work: Work, now: datetime) -> None:
            if kind == "person":
                work.fetch(User, subject_id).stop_deletion(now=now)
            else:
                self._custody(work, subject_id, now).stop_deletion(now=now)
            work.rows.append(self._book.stop(subject_id))

        self._works.run(decide)

    def find(self, subject_id: UUID) -> Deletion:
        found = self._book.find(subject_id)
        if found is None:
            raise NotFound.of("deletion", subject_id)
        return found

    def known(self, *, after: tuple[datetime, UUID] | None = None, limit: int = 25) -> list[Deletion]:
        return self._book.known(after=after, limit=limit)

    def hold(self, organization_id: UUID, reason: str) -> None:
        """From here on neither retention nor erasure takes anything of it."""
        customers = self._sweep.customers_of(organization_id)

        def decide(work: Work, now: datetime) -> None:
            self._custody(work, organization_id, now).place_hold(reason, now=now)
            work.rows.append(self._book.hold(organization_id, customers, now))

        self._works.run(decide)

    def lift_hold(self, organization_id: UUID, reason: str) -> None:
        def decide(work: Work, now: datetime) -> None:
            self._custody(work, organization_id, now).lift_hold(reason, now=now)
            work.rows.append(self._book.release(organization_id))

        self._works.run(decide)

    # doing it

    def remind(self) -> None:
        for each in self._book.to_remind(self._clock.now() + REMIND_BEFORE):
            is_person = each.kind == "person"
            stream = each.subject_id if is_person else custody_id_for(each.subject_id)
            near = mail("account_deletion_near" if is_person else "organization_deletion_near")
            self._hands.outbox.enter(message_id(stream, each.version, near), near, stream, each.version)
            self._book.reminded(each.subject_id)

    def run_due(self, now: datetime | None = None) -> int:
        """Does some of what is due; answers how many. Each step may be done again: a killed one goes on."""
        found = self._book.due(now or self._clock.now(), _AT_ONCE)
        for each in found:
            try:
                self._advance(each)
            except Unavailable:
                raise
            except Exception as error:
                log.exception("deletion.failed", subject_id=str(each.subject_id), error=type(error).__name__)
                self._book.put_off(each.subject_id, "failed", self._clock.now())
        return len(found)

    def _advance(self, deletion: Deletion) -> None:
        if deletion.state == "scheduled":
            try:
                begin = self._begin_person if deletion.kind == "person" else self._begin_organization
                begin(deletion.subject_id)
            except (LastOwner, LegalHold, SubscriptionsRunning) as obstacle:
                self._book.put_off(deletion.subject_id, obstacle.code, self._clock.now())
                return
        self._erase_traces(self.find(deletion.subject_id))

    def _begin_person(self, user_id: UUID) -> None:
        joined = [each.organization_id for each in self._hands.memberships.of_user(user_id)]
        if self._book.is_held(joined):
            raise LegalHold()
        known = self._whose("person", user_id)

        def beside(deserted: Sequence[UUID]) -> list[Row]:
            customers = [each for id in deserted for each in self._sweep.customers_of(id)]
            return [self._book.begin(user_id, address=known.address, organization_ids=deserted, customers=customers)]

        self._hands.erasure.erase(user_id, beside)

    def _begin_organization(self, organization_id: UUID) -> None:
        self._refuse_running(organization_id)
        if self._book.is_held([organization_id]):
            raise LegalHold()
        self._end_licenses(organization_id)
        self._end_keys(organization_id)
        self._part_members(organization_id)
        customers = self._sweep.customers_of(organization_id)

        def decide(work: Work, now: datetime) -> None:
            self._custody(work, organization_id, now).delete(now=now)
            begun = self._book.begin(organization_id, organization_ids=[organization_id], customers=customers)
            work.rows += [*self._ending(organization_id), begun]

        self._works.run(decide)

    def _part_members(self, organization_id: UUID) -> None:
        """A hundred in one transaction, owners last."""

        def decide(work: Work, now: datetime) -> list[UUID]:
            organization = work.fetch(Organization, organization_id)
            others = [id for id in organization.members if id not in organization.owners]
            gone = [*others, *reversed(organization.owners)][:_AT_ONCE_IN_LOG]
            for user_id in gone:
                if len(organization.members) > 1 and organization.owners == (user_id,):
                    continue  # the next round: now others are left
                organization.forget(user_id, now=now)
                work.rows.append(self._hands.memberships.remove(organization_id, user_id))
            return gone

        while gone := self._works.run(decide):
            for user_id in gone:
                self._hands.memberships.changed(organization_id, user_id)

    def _end_licenses(self, organization_id: UUID) -> None:
        for id in self._hands.rights.licenses_of(organization_id):
            license = self._store.fetch(License, id)
            if license.organization_id == organization_id and license.revoked_reason is None:
                self._hands.licenses.revoke(id, reason=_REASON)

    def _end_keys(self, organization_id: UUID) -> None:
        def decide(work: Work, now: datetime) -> int:
            known = self._hands.keys.live(organization_id=organization_id, after=None, limit=_AT_ONCE_IN_LOG)
            for key in known:
                work.fetch(ApiKey, key.key_id).revoke(now=now)
                work.rows.append(self._hands.keys.revoke(key.key_id, now))
            return len(known)

        while self._works.run(decide):
            pass
        self._hands.keys.forget()

    def _erase_traces(self, deletion: Deletion) -> None:
        """Table by table, batch by batch, until nothing is found."""
        for whose in self._all_whose(deletion):
            for table in self._sweep.tables:
                while self._sweep.erase(table, whose, lambda *n: self._book.noted(deletion.subject_id, *n)):
                    pass
        self._hands.endpoints.remove_erased()
        self._book.finish(deletion.subject_id, self._kept(deletion), self._clock.now())

    def _all_whose(self, deletion: Deletion) -> list[Whose]:
        nobody = self._whose("person", deletion.subject_id)._replace(person=None, address=None)
        found = [
            nobody._replace(organization=id, customers=tuple(deletion.customers)) for id in deletion.organization_ids
        ]
        if deletion.kind == "person":
            found.append(nobody._replace(person=deletion.subject_id, address=deletion.address))
        return found

    def _kept(self, deletion: Deletion) -> Mapping[str, Any]:
        """What the law wants kept, of whom, and until when at the latest."""
        [papers] = [table for table in self._sweep.tables if table.name == "invoice_papers"]
        until = (self._clock.now() + self._papers_kept).date().isoformat()
        counts = [self._sweep.count_about(papers, whose) for whose in self._all_whose(deletion)]
        kept = {"rows": sum(counts), "of": list(map(str, deletion.organization_ids)), "until": until}
        return {papers.name: {**kept, "because": papers.why_kept}} if sum(counts) else {}

    def _refuse_running(self, organization_id: UUID) -> None:
        if running := self._running(organization_id):
            raise SubscriptionsRunning(
                "Subscriptions of this organization are running; cancel them first.",
                details={"subscriptions": [str(id) for id in running]},
            )

    def _schedule(self, work: Work, subject: User | Custody, kind: str, now: datetime) -> None:
        if subject.pending_events:
            assert subject.deletion_due is not None
            id = subject.organization_id if isinstance(subject, Custody) else subject.id
            work.rows.append(self._book.schedule(id, kind, subject.version, due_at=subject.deletion_due, now=now))

    @staticmethod
    def _custody(work: Work, organization_id: UUID, now: datetime) -> Custody:
        work.fetch(Organization, organization_id)
        id = custody_id_for(organization_id)
        return work.find(Custody, id) or work.add(Custody.open(id=id, organization_id=organization_id, now=now))
