"""Takes in what was used: each request whole or not at all, each record once whatever its age."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from domain import durations
from domain.errors import InvalidRequest
from domain.meter import MeterTerms, shown
from domain.problems import Problem
from domain.usage import Given, Placed, Told, problems, record_key
from domain.usage_errors import UsageMismatch

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.subject_digests import SubjectDigests, SubjectNames
    from adapters.usage_log import UsageLog
    from adapters.usage_records import UsageRecord, UsageRecords
    from application.offer import Offer
    from application.rights_book import RightsBook
    from application.usage_accounts import UsageAccounts

_RECENT = timedelta(hours=1)
"""The shortest time that a plan may give to late records: what is younger needs no look at the plan."""
_MOST_PROBLEMS = 20
_REFUSALS = {
    "absent": "there is no record {id} of this account to cancel",
    "void": "the record {id} is cancelled already",
    "late": "the record {id} is older than the plan's time for late usage",
}


class Caller(NamedTuple):
    """Who tells: the organization, None for the vendor, and the API key of the call, if it is one."""

    organization_id: UUID | None
    key_id: UUID | None


class Taken(NamedTuple):
    """How many records are new, how many were there before, and the position of the last of them."""

    accepted: int
    duplicates: int
    position: int


class UsageIntake:
    """For one event loop."""

    def __init__(
        self,
        log: UsageLog,
        records: UsageRecords,
        accounts: UsageAccounts,
        offer: Offer,
        rights: RightsBook,
        digests: SubjectDigests,
        names: SubjectNames,
        clock: Clock,
    ) -> None:
        self._log = log
        self._records = records
        self._accounts = accounts
        self._offer = offer
        self._rights = rights
        self._digests = digests
        self._names = names
        self._clock = clock

    async def record(self, told: Sequence[Told], caller: Caller) -> Taken:
        """Stores all of it durably, or nothing.

        Raises `InvalidRequest` with every wrong field as `records.<n>.<field>`, `NotFound` for another's organization
        or key, `UsageMismatch` when an id is known with other content, and `Unavailable`.
        """
        now = self._clock.now()
        meters = await self._meters(told)
        _refuse((index, each) for index, one in enumerate(told) for each in problems(one, meters.get(one.meter), now))
        accounts = await self._accounts_of(told, caller)
        windows = await self._windows(told, accounts, now)
        _refuse(_too_late(told, accounts, windows, now))
        request = _Request(told, accounts, windows, meters, caller, now)
        placed = await self._log.append(request.given(self._digests, self._names), now=now)
        await self._judge(placed, request)
        for each in placed:
            if each.given.name is not None and each.given.subject is not None:
                self._names.written(each.account_id, each.given.subject)
        new = sum(not each.known for each in placed)
        return Taken(new, len(told) - new, max(each.position or 0 for each in placed))

    async def _meters(self, told: Sequence[Told]) -> Mapping[str | None, MeterTerms]:
        """By their codes; the catalogue is looked at when something is not known here: it may have changed."""
        found: dict[str | None, MeterTerms | None]
        found = {one.meter: self._offer.meter(one.meter) for one in told if one.meter is not None}
        if any(not _is_known(one, found) for one in told):
            seen = await asyncio.to_thread(self._offer.look)
            found = {code: seen.meters.get(code or "") for code in found}
        return {code: terms for code, terms in found.items() if terms is not None}

    async def _accounts_of(self, told: Sequence[Told], caller: Caller) -> list[UUID]:
        of_vendor = caller.organization_id is None
        await self._accounts.learn((one.organization_id for one in told if of_vendor), (one.key_id for one in told))
        accounts = [self._accounts.account(caller.organization_id, one.organization_id, one.subject) for one in told]
        for account_id, one in zip(accounts, told, strict=True):
            if one.key_id is not None:
                self._accounts.require_key(account_id, one.key_id)
        return accounts

    async def _windows(self, told: Sequence[Told], accounts: Sequence[UUID], now: datetime) -> dict[UUID, timedelta]:
        """How late records may be, of the accounts that have any that are not recent."""
        late = {
            account_id
            for one, account_id in zip(told, accounts, strict=True)
            if one.voids is not None or (one.at is not None and one.at < now - _RECENT)
        }
        reading = (asyncio.to_thread(self._rights.remembered, account_id) for account_id in late)
        rights = await asyncio.gather(*reading)
        return {account_id: known.rights.late_usage for account_id, known in zip(late, rights, strict=True)}

    async def _judge(self, placed: Sequence[Placed], request: _Request) -> None:
        for each in placed:
            if each.refusal == "mismatch":
                one = request.told[request.places[each.given.key]]
                raise _mismatch(one, await asyncio.to_thread(self._records.with_key, each.given.key))
        _refuse(
            (index, Problem("voids", _REFUSALS[each.refusal].format(id=request.told[index].voids)))
            for each in placed
            if each.refusal is not None and (index := request.places[each.given.key]) is not None
        )


class _Request:
    """One caller's records on their way into the log. `places` says which of them has a key."""

    def __init__(
        self,
        told: Sequence[Told],
        accounts: Sequence[UUID],
        windows: Mapping[UUID, timedelta],
        meters: Mapping[str | None, MeterTerms],
        caller: Caller,
        now: datetime,
    ) -> None:
        self.told = told
        self.places: dict[UUID, int] = {}
        self._accounts = accounts
        self._windows = windows
        self._meters = meters
        self._caller = caller
        self._now = now

    def given(self, digests: SubjectDigests, names: SubjectNames) -> list[Given]:
        """Each id once. `UsageMismatch` when one comes twice with other content."""
        given = []
        for index, (one, account_id) in enumerate(zip(self.told, self._accounts, strict=True)):
            key = record_key(account_id, one.id)
            if key not in self.places:
                self.places[key] = index
                given.append(self._one(one, account_id, key, digests, names))
            elif (first := self.told[self.places[key]]).digest != one.digest:
                raise UsageMismatch(details={"id": one.id, "given": _shown(one), "known": _shown(first)})
        return given

    def _one(self, one: Told, account_id: UUID, key: UUID, digests: SubjectDigests, names: SubjectNames) -> Given:
        terms = self._meters.get(one.meter)
        counts = terms.counts if terms else None
        dimensions = {name: value for name, value in one.dimensions.items() if name != counts}
        subject = None if one.subject is None else digests.digest(one.subject)
        return Given(
            account_id=account_id,
            key=key,
            digest=one.digest,
            id=one.id,
            meter=one.meter,
            quantity=one.quantity if one.quantity is not None or one.voids is not None else Decimal(1),
            at=one.at if one.at is not None or one.voids is not None else self._now,
            subject=subject,
            name=None if subject is None else names.unwritten(account_id, subject, one.subject or ""),
            counted=digests.digest(one.dimensions[counts]) if counts else None,
            key_id=one.key_id or self._caller.key_id,
            dimensions=_written(tuple(sorted(dimensions.items()))) if dimensions else None,
            reservation=one.reservation,
            voids=record_key(account_id, one.voids) if one.voids is not None else None,
            earliest=self._now - self._windows[account_id] if one.voids is not None else None,
        )


@lru_cache(maxsize=10_000)
def _written(dimensions: tuple[tuple[str, str], ...]) -> str:
    """As JSON; few of them come again and again."""
    return json.dumps(dict(dimensions))


def _is_known(one: Told, meters: Mapping[str | None, MeterTerms | None]) -> bool:
    terms = meters.get(one.meter)
    if one.meter is None or (terms is not None and terms.dimensions is None):
        return True
    return terms is not None and set(one.dimensions) <= {*(terms.dimensions or ()), terms.counts}


def _too_late(
    told: Sequence[Told], accounts: Sequence[UUID], windows: Mapping[UUID, timedelta], now: datetime
) -> Iterator[tuple[int, Problem]]:
    for index, (one, account_id) in enumerate(zip(told, accounts, strict=True)):
        window = windows.get(account_id)
        if one.at is not None and window is not None and one.at < now - window:
            text = f"is older than the {durations.text(window)} that the plan gives late usage"
            yield index, Problem("at", text)


def _refuse(found: Iterable[tuple[int, Problem]]) -> None:
    """`InvalidRequest` with the first twenty; nothing when there is none."""
    problems = [each.under(f"records.{index}") for index, each in found]
    if problems:
        fields = [{"field": each.path, "message": each.message} for each in problems[:_MOST_PROBLEMS]]
        first = f"{problems[0].path}: {problems[0].message}"
        raise InvalidRequest(f"{first}; nothing was taken in.", details={"fields": fields, "count": len(problems)})


def _mismatch(one: Told, known: UsageRecord | None) -> UsageMismatch:
    stored = None
    if known is not None:
        stored = {
            "meter": known.meter,
            "quantity": known.quantity,
            "at": known.at,
            "subject": known.name,
            "key_id": known.key_id,
            "dimensions": known.dimensions,
            "voids": known.voids,
        }
    return UsageMismatch(details={"id": one.id, "given": _shown(one), "known": stored and _json(stored)})


def _shown(one: Told) -> dict[str, Any]:
    names = ("meter", "quantity", "at", "subject", "key_id", "dimensions", "voids")
    return _json({name: getattr(one, name) for name in names})


def _json(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not there; numbers as JSON has them."""
    return {name: _number(value) for name, value in shown.items() if value not in (None, {})}


def _number(value: Any) -> Any:
    return shown(value) if isinstance(value, Decimal) else value
