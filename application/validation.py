"""Is this key good? Answered from the seat pool's facts, a tenth of a millisecond a question."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from application.seat_loading import SeatLoading
from application.seat_pool import SeatPool
from domain.errors import LicenseKeyInvalid, Unavailable
from domain.lease import fingerprint_digest
from domain.license_key import parse
from domain.seat_pool import Outcome, View

if TYPE_CHECKING:
    from adapters.license_index import LicenseIndex


class Code(StrEnum):
    """Why a key is good or not (contract §8)."""

    VALID = "VALID"
    GRACE = "GRACE"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"
    NOT_FOUND = "NOT_FOUND"
    PRODUCT_MISMATCH = "PRODUCT_MISMATCH"
    FINGERPRINT_NOT_ACTIVATED = "FINGERPRINT_NOT_ACTIVATED"

    @property
    def valid(self) -> bool:
        return self in (Code.VALID, Code.GRACE)


_REFUSALS = {Outcome.SUSPENDED: Code.SUSPENDED, Outcome.EXPIRED: Code.EXPIRED, Outcome.REVOKED: Code.REVOKED}
_SHOWN_STATUS = {Code.SUSPENDED: "suspended", Code.EXPIRED: "expired", Code.REVOKED: "revoked"}


class Validity(NamedTuple):
    """`license` is the licence as the API shows it; None when the key opens none of this product."""

    code: Code
    license: dict[str, Any] | None = None


class Validation:
    """For one event loop. A key that was replaced by a newer one is not found."""

    def __init__(self, pool: SeatPool, loading: SeatLoading, index: LicenseIndex) -> None:
        self._pool = pool
        self._loading = loading
        self._index = index

    async def validate(
        self, license_key: str, *, fingerprint: str | None = None, product: str | None = None
    ) -> Validity:
        """Never raises for a bad key: that is an answer. `Unavailable` when nobody can be asked."""
        view = await self._find(license_key)
        if view is None:
            return Validity(Code.NOT_FOUND)
        document = json.loads(view.document)
        license: dict[str, Any] = document["license"]
        if product is not None and product != license["product"]:
            return Validity(Code.PRODUCT_MISMATCH)
        code = _REFUSALS[view.refusal] if view.refusal else Code.GRACE if view.status == "grace" else Code.VALID
        if code.valid and not _is_bound(fingerprint, document["machines"]):
            code = Code.FINGERPRINT_NOT_ACTIVATED
        license["status"] = _SHOWN_STATUS.get(code, view.status)
        license["seats"]["used"] = view.used
        return Validity(code, license)

    async def standing(self, license_id: UUID) -> View:
        """How a licence that there is stands now. `Unavailable` when nobody can be asked."""
        for _ in range(3):
            view = await self._pool.look(license_id)
            if view is not None:
                return view
            await self._loading.load(license_id)
        raise Unavailable(retry_after=1)

    async def _find(self, license_key: str) -> View | None:
        try:
            digest = parse(license_key).digest
        except LicenseKeyInvalid:
            return None
        license_id = await self._index.look_up(digest)
        return await self._look(license_id, digest) if license_id else None

    async def _look(self, license_id: UUID, digest: str) -> View | None:
        has_asked_log = False
        for _ in range(3):
            view = await self._pool.look(license_id)
            if view is None:
                await self._loading.load(license_id)
            elif view.key_digest == digest:
                return view
            elif has_asked_log:
                return None
            else:  # the key may be newer than the pool's facts
                await self._loading.publish(license_id)
                has_asked_log = True
        raise Unavailable(retry_after=1)


def _is_bound(fingerprint: str | None, machines: list[str] | None) -> bool:
    """Whether a machine may use a licence that is bound to `machines`, as far as it says who it is."""
    return fingerprint is None or machines is None or fingerprint_digest(fingerprint) in machines
