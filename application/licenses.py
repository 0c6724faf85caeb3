"""Licences, as the vendor and the customer handle them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.store import Store
from application.work import Work, Works
from domain.errors import InvalidRequest, LicenseKeyInvalid
from domain.license import License
from domain.license_key import LicenseKey, parse
from domain.license_terms import Terms
from domain.organization import Organization

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.license_index import LicenseIndex
    from application.catalog import Catalog
    from application.license_keys import LicenseKeys


class NewLicense(NamedTuple):
    """A licence with its key, which is shown this once."""

    license: License
    key: LicenseKey


class Licenses:
    """Every change takes a reason, which stays in the history."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        keys: LicenseKeys,
        index: LicenseIndex,
        works: Works,
        clock: Clock,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._keys = keys
        self._index = index
        self._works = works
        self._clock = clock

    def fetch(self, license_id: UUID) -> License:
        """`NotFound` when there is none."""
        return self._store.fetch(License, license_id)

    def by_key(self, text: str) -> License:
        """The licence a key opens. `LicenseKeyInvalid` when malformed, unknown, or replaced by a newer key."""
        digest = parse(text).digest
        license_id = self._index.find(digest)
        license = self._store.find(License, license_id) if license_id else None
        if license is None or license.key.digest != digest:
            raise LicenseKeyInvalid()
        return license

    def issue(self, organization_id: UUID, plan: str, *, seats: int | None, expires_at: datetime | None) -> NewLicense:
        """A licence that no subscription pays for. `NotFound` for an unknown organization or plan."""
        terms, id = self._terms(plan, seats), self._clock.new_id()

        def decide(work: Work, now: datetime) -> License:
            if expires_at is not None and expires_at <= now:
                raise InvalidRequest.field("expires_at", "must lie in the future")
            work.fetch(Organization, organization_id)
            key, row = self._keys.make(id, version=1, product=terms.product)
            work.rows.append(row)
            return work.add(
                License.issue(
                    id=id,
                    organization_id=organization_id,
                    subscription_id=None,
                    key=key,
                    terms=terms,
                    expires_at=expires_at or terms.entitlements.license_end(issued_at=now, period_end=None),
                    now=now,
                )
            )

        license = self._works.run(decide)
        return NewLicense(license, self._keys.reveal(license))

    def suspend(self, license_id: UUID, *, reason: str) -> License:
        return self._change(license_id, lambda license, now: license.suspend(reason=reason, now=now))

    def reinstate(self, license_id: UUID, *, reason: str) -> License:
        return self._change(license_id, lambda license, now: license.reinstate(reason=reason, now=now))

    def revoke(self, license_id: UUID, *, reason: str) -> License:
        return self._change(license_id, lambda license, now: license.revoke(reason=reason, now=now))

    def resize(self, license_id: UUID, seats: int, *, reason: str) -> License:
        return self._change(license_id, lambda license, now: license.resize(seats, reason=reason, now=now))

    def extend(self, license_id: UUID, expires_at: datetime | None, *, reason: str) -> License:
        return self._change(license_id, lambda license, now: license.extend(expires_at, reason=reason, now=now))

    def expire(self, license_id: UUID) -> License:
        """Records that a licence's time has run out, if it has."""
        return self._change(license_id, lambda license, now: license.expire(now=now))

    def rotate_key(self, license_id: UUID, *, reason: str) -> NewLicense:
        """A new key; the old one is refused from now on."""

        def decide(work: Work, now: datetime) -> License:
            license = work.fetch(License, license_id)
            key, row = self._keys.make(license_id, version=license.key.version + 1, product=license.terms.product)
            license.rotate_key(key, reason=reason, now=now)
            work.rows.append(row)
            return license

        license = self._works.run(decide)
        return NewLicense(license, self._keys.reveal(license))

    def _change(self, license_id: UUID, act: Callable[[License, datetime], None]) -> License:
        def decide(work: Work, now: datetime) -> License:
            license = work.fetch(License, license_id)
            act(license, now)
            return license

        return self._works.run(decide)

    def _terms(self, plan_code: str, seats: int | None) -> Terms:
        plan = self._catalog.plan(plan_code)
        entitlements = plan.current.entitlements
        if seats is not None and not 1 <= seats <= 1_000_000:
            raise InvalidRequest.field("seats", "must be from 1 to 1,000,000")
        granted = seats if seats is not None else entitlements.seats_granted(1)
        return Terms(plan.product, plan.code, plan.current_version, granted, entitlements)
