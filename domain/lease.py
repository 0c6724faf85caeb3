"""What a signed lease says: who sits where, until when, with what; the claims of the contract's §9."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from domain.errors import LeaseInvalid


@dataclass(frozen=True, slots=True)
class LeaseClaims:
    """One holder's right to one seat. `iat` and `exp` are Unix seconds, `grace` is a number of seconds.

    A connected client renews before `exp`; one that cannot reach Usher may work on until `exp + grace`. `fp` is the
    `fingerprint_digest` of the machine, `ver` the version of the seat's stream that seated this session. `features`
    holds JSON values. `bor` says that the seat is borrowed: held until `exp` without heartbeats, and no longer.
    """

    sid: UUID
    lic: UUID
    seat: int
    fp: str
    ver: int
    iat: int
    exp: int
    grace: int
    product: str
    features: Mapping[str, Any]
    bor: bool = False

    @property
    def issued_at(self) -> datetime:
        return datetime.fromtimestamp(self.iat, UTC)

    @property
    def expires_at(self) -> datetime:
        return datetime.fromtimestamp(self.exp, UTC)

    @classmethod
    def stated(cls, claims: object) -> LeaseClaims:
        """The claims as read from JSON; `LeaseInvalid` when one is missing or of another type.

        A claim we do not know is passed over: during an upgrade the newer process may add one.
        """
        if type(claims) is not dict:
            raise LeaseInvalid()
        try:
            values = (*_stated(claims), claims.get("bor") is True)
            ids = UUID(claims["sid"]), UUID(claims["lic"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LeaseInvalid() from error
        if tuple(map(type, values)) != _EXPECTED:  # not isinstance: True would pass for a seat number
            raise LeaseInvalid()
        return cls(*ids, *values)


_TYPES = {  # in the order of the fields
    "seat": int,
    "fp": str,
    "ver": int,
    "iat": int,
    "exp": int,
    "grace": int,
    "product": str,
    "features": dict,
}
_EXPECTED = (*_TYPES.values(), bool)
_stated = itemgetter(*_TYPES)


def fingerprint_digest(fingerprint: str) -> str:
    """What a lease shows of a machine: SHA-256 of the fingerprint in UTF-8, base64url without padding (43 characters).

    Unsalted, so that a client can check offline that a lease was made for its own machine.
    """
    return urlsafe_b64encode(hashlib.sha256(fingerprint.encode()).digest()).rstrip(b"=").decode()
