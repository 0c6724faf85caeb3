"""What a seat pool is asked and what it answers; plain values, the same for every pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Any, NamedTuple
from uuid import UUID

from domain.license import License, Status
from domain.rate import Allowance
from domain.seat import CloseReason, Seat
from domain.seat_access import OPEN_TO_ALL, SeatAccess


class Outcome(StrEnum):
    """Every answer of a pool. `GRANTED` is a proposal until its event is in the log."""

    GRANTED = "granted"
    SEATED = "seated"  # this holder sits already, or is about to
    RENEWED = "renewed"
    EXHAUSTED = "exhausted"
    LIMITED = "limited"  # too many calls
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"
    KEY_CHANGED = "key_changed"
    POLICY_CHANGED = "policy_changed"  # the bidder must look again whether, and as whom, it may bid
    GONE = "gone"  # the pool does not know the session
    CLOSING = "closing"  # the session is being ended
    STALE = "stale"  # the pool must be told of the licence first
    UNSURE = "unsure"  # a lapsed seat is in the way of which only the log knows how it stands


@dataclass(frozen=True, slots=True)
class SeatTerms:
    """What a lease says beside who sits where."""

    organization_id: UUID
    product: str
    features: Mapping[str, Any]
    lease: timedelta
    heartbeat: timedelta
    offline_grace: timedelta
    resume: timedelta = timedelta(0)
    """How long a lapsed seat stays its holder's when nobody needs it."""


@dataclass(frozen=True, slots=True)
class LicenseFacts:
    """A licence as a pool needs it, as of `version` of the licence's stream. `limit` counts overage; None is no end.

    `granted` are the seats without overage, `access` says who may bid. `document` is what a validation needs: the
    `license` as it is shown, and the digests of the `machines` that it is bound to (None: not node-locked).
    """

    license_id: UUID
    version: int
    status: Status
    limit: int | None
    expires_at: datetime | None
    grace_ends_at: datetime | None
    key_digest: str
    terms: SeatTerms
    document: Mapping[str, Any] = field(default_factory=dict)
    granted: int | None = None
    access: SeatAccess = OPEN_TO_ALL

    @classmethod
    def of(cls, license: License, now: datetime, document: Mapping[str, Any] | None = None) -> LicenseFacts:
        grants = license.terms.entitlements
        return cls(
            license_id=license.id,
            version=license.version,
            status=license.status(now),
            limit=license.terms.seats_allowed,
            expires_at=license.ends_at,
            grace_ends_at=license.grace_ends_at,
            key_digest=license.key.digest,
            terms=SeatTerms(
                organization_id=license.organization_id,
                product=license.terms.product,
                features={feature.name: feature.value for feature in grants.features},
                lease=grants.lease,
                heartbeat=grants.heartbeat,
                offline_grace=grants.offline_grace,
                resume=grants.seat_policy.resume,
            ),
            document=document or {},
            granted=license.terms.seats,
            access=SeatAccess.of(grants.seat_policy, license.seat_rules, license.terms.seats_allowed),
        )


class View(NamedTuple):
    """A licence as it stands now: `refusal` is why it does not work (suspended, expired, revoked), or None.

    Of the `used` seats `lapsed` have a lease that is over: whoever needs one may have it.
    """

    refusal: Outcome | None
    status: str
    key_digest: str
    used: int
    document: bytes
    lapsed: int
    limit: int | None

    @property
    def available(self) -> float:
        """Seats that may be had now."""
        return inf if self.limit is None else self.limit - self.used + self.lapsed


class Bid(NamedTuple):
    """Somebody wants a seat. `session_id` is the session's if a seat is free; `holder` is a digest: the machine's, or a
    person's, whose `machine` is named besides, since each machine has a rate of its own.

    `policy` is the digest of the `SeatAccess` by which the bidder was judged; `leave` is how many seats must stay
    available for others: without them the bid is EXHAUSTED.
    """

    license_id: UUID
    key_digest: str
    holder: str
    session_id: UUID
    policy: str = ""
    leave: int = 0
    machine: str = ""

    @property
    def caller(self) -> str:
        """Whose calls are counted."""
        return self.machine or self.holder


class Proposal(NamedTuple):
    """Answer to a bid. `terms` is None, and the seat means nothing, unless `outcome` is GRANTED or SEATED.

    `version` is that of the event that opens the session. `former` is the lapsed session to be closed just before.
    `recorded` says that the opening is in the log for certain. `access` is the licence's when
    POLICY_CHANGED, `overage` says that more seats than granted are taken, `borrowed` that this one is. With `former`
    goes the `epoch` in which it was taken for lapsed.
    """

    outcome: Outcome
    seat: int
    version: int
    session_id: UUID | None
    recorded: bool
    former: UUID | None
    limit: int | None
    used: int
    now: datetime
    lease_ends: datetime
    allowance: Allowance | None
    terms: SeatTerms | None
    overage: bool = False
    borrowed: bool = False
    access: SeatAccess | None = None
    epoch: str = ""


class Renewal(NamedTuple):
    """Answer to a heartbeat; `reason` is set when CLOSING, `terms` when RENEWED."""

    outcome: Outcome
    now: datetime | None = None
    lease_ends: datetime | None = None
    allowance: Allowance | None = None
    terms: SeatTerms | None = None
    reason: CloseReason | None = None


class Sitting(NamedTuple):
    """A session on a seat of a licence."""

    license_id: UUID
    seat: int
    session_id: UUID


class Aside(NamedTuple):
    """A session that a pool has set aside to be closed: its heartbeats fail, its seat is not yet free.

    `version` is that of the event that opened it, `terms` are the licence's if the pool knows them, `epoch` names the
    time since the pool last lost the licence.
    """

    sitting: Sitting
    version: int
    reason: CloseReason
    terms: SeatTerms | None = None
    epoch: str = ""


class SeatState(NamedTuple):
    """What the log says of a seat: `version` 0 is never used, `session_id` None is free."""

    license_id: UUID
    seat: int
    version: int
    session_id: UUID | None = None
    holder: str = ""
    organization_id: UUID | None = None
    opened_at: datetime | None = None
    borrowed_until: datetime | None = None

    @classmethod
    def after(cls, event: Seat.SessionOpened | Seat.SessionClosed) -> SeatState:
        """The seat after the last event of its stream."""
        at = event.license_id, event.seat, event.originator_version
        if isinstance(event, Seat.SessionClosed):
            return cls(*at, organization_id=event.organization_id)
        holder = event.holder or event.fingerprint_digest
        return cls(*at, event.session_id, holder, event.organization_id, event.timestamp, event.borrowed_until)

    def closed(self, reason: CloseReason, now: datetime, note: str = "") -> Seat.SessionClosed:
        """The event that ends the session on this seat, built without loading it."""
        return Seat.SessionClosed.at(
            self.version + 1,
            license_id=self.license_id,
            seat=self.seat,
            now=now,
            organization_id=self.organization_id,
            session_id=self.session_id,
            reason=reason,
            note=note,
        )


class PeriodOver(Exception):
    """Seats are kept in another pool by now: what was asked of this one, or stored on its word, did not happen."""


class EpochOver(Exception):
    """The pool has lost the licence since it took a session for lapsed: what was to be stored on its word was not."""


class Verdict(StrEnum):
    CLOSE = "close"  # the log has the session open: store its end
    FREE = "free"  # the log has nobody there
    RESTORE = "restore"  # the log has somebody there whom the pool does not know


def verdict(aside: Aside, state: SeatState) -> Verdict:
    """What is to be done about a session set aside, by what the log says of its seat.

    A session in the log that is older than the one set aside is its lapsed predecessor: the proposal that would have
    closed it never arrived.
    """
    if state.session_id is None:
        return Verdict.FREE
    if state.session_id == aside.sitting.session_id or state.version < aside.version:
        return Verdict.CLOSE
    return Verdict.RESTORE


def closing(state: SeatState, aside: Aside, now: datetime, note: str = "") -> Seat.SessionClosed:
    """The end of the session that the log has open on the seat."""
    return state.closed(reason_of(state, aside), now, note if state.session_id == aside.sitting.session_id else "")


def reason_of(state: SeatState, aside: Aside) -> CloseReason:
    """Why that session ends: as it was set aside, or, before the one that was, because it lapsed."""
    return aside.reason if state.session_id == aside.sitting.session_id else CloseReason.EXPIRED
