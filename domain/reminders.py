"""What a customer is told ahead of time: the end of a trial, a renewal, an end, a card that runs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from domain.aggregate import Aggregate
from domain.problems import Problem, check_duration
from domain.provider_facts import SubscriptionStatus

if TYPE_CHECKING:
    from domain.plan import Price
    from domain.subscription_terms import Terms

MOST_NOTICES = 6
_DAY = timedelta(days=1)
_LONG_IN_MONTHS = 6


class Occasion(StrEnum):
    """What a reminder is about."""

    TRIAL_END = "trial_end"
    RENEWAL = "renewal"
    END = "end"
    CARD_EXPIRY = "card_expiry"


@dataclass(frozen=True, order=True)
class Reminder:
    """At `at` the customer is to be told of what comes at `of`."""

    at: datetime
    occasion: Occasion
    of: datetime


@dataclass(frozen=True)
class NoticePeriods:
    """How long before it comes a customer is reminded of something. `renewal` None: 30 and 7 days before a period of
    half a year or more, and not at all before a shorter one."""

    trial: tuple[timedelta, ...] = (timedelta(days=3),)
    renewal: tuple[timedelta, ...] | None = None
    ending: tuple[timedelta, ...] = (timedelta(days=3),)

    def before_renewal(self, price: Price | None) -> tuple[timedelta, ...]:
        """Of a subscription at this price."""
        if self.renewal is not None:
            return self.renewal
        return (timedelta(days=30), timedelta(days=7)) if price and _is_long(price) else ()

    def in_order(self) -> NoticePeriods:
        """The same, the longest first."""
        return NoticePeriods(
            trial=_longest_first(self.trial),
            renewal=None if self.renewal is None else _longest_first(self.renewal),
            ending=_longest_first(self.ending),
        )

    def problems(self) -> Iterator[Problem]:
        for field in ("trial", "renewal", "ending"):
            notices = getattr(self, field) or ()
            if len(notices) > MOST_NOTICES:
                yield Problem(field, f"must have at most {MOST_NOTICES} entries")
            for index, notice in enumerate(notices):
                yield from check_duration(f"{field}[{index}]", notice, timedelta(hours=1), 366 * _DAY)


def reminders_of(terms: Terms, notice: NoticePeriods, price: Price | None) -> Iterator[Reminder]:
    """All that there ever are to a subscription as it stands, whatever the time."""
    end, renews_at = terms.cancel_at, terms.period_end
    if end is not None and terms.status.entitles:
        yield from _before(Occasion.END, end, notice.ending)
    if end is not None and end <= renews_at:
        return
    if terms.status is SubscriptionStatus.TRIALING and terms.trial_end:
        yield from _before(Occasion.TRIAL_END, terms.trial_end, notice.trial)
    elif terms.status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE):
        yield from _before(Occasion.RENEWAL, renews_at, notice.before_renewal(price))


class Reminded(Protocol):
    """An aggregate that keeps what its customer is still to be told."""

    reminders: tuple[Reminder, ...]


class PlanOfReminders(Aggregate.Event):
    """What is still to be told; replaces what was planned before."""

    reminders: tuple[Reminder, ...]

    def apply(self, thing: Reminded) -> None:
        thing.reminders = self.reminders


def planned(wanted: Iterable[Reminder], known: tuple[Reminder, ...], now: datetime) -> tuple[Reminder, ...]:
    """Of the wanted reminders those that lie ahead, and those that are late since nobody worked when they fell due.
    What lay behind when it was planned is not told, nor what is about something that is over."""
    kept = (each for each in wanted if now < each.of and (now < each.at or each in known))
    return tuple(sorted(kept))


def due(known: tuple[Reminder, ...], now: datetime) -> tuple[Reminder, ...]:
    """What is to be told now: of several late ones about one thing only the last."""
    late = {(each.occasion, each.of): each for each in known if each.at <= now < each.of}
    return tuple(sorted(late.values()))


def _before(occasion: Occasion, of: datetime, notices: tuple[timedelta, ...]) -> Iterator[Reminder]:
    for notice in notices:
        yield Reminder(of - notice, occasion, of)


def _is_long(price: Price) -> bool:
    months = {"month": 1, "year": 12}.get(price.interval.value, 0) * price.interval_count
    return months >= _LONG_IN_MONTHS


def _longest_first(notices: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    return tuple(sorted(set(notices), reverse=True))
