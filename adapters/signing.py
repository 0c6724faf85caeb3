"""The keys that sign leases and licence files: made, sealed, published, rotated with overlap; and the signing itself.

A rotation announces the new key before it signs: every process looks into the table each `LOOK_EVERY` seconds, so all
of them know a key before they meet its first signature.
"""

from __future__ import annotations

import hmac
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from psycopg.errors import UniqueViolation

from adapters.database import Database
from adapters.issued_leases import IssuedLeases
from adapters.secrets import Secrets
from adapters.signing_key import Algorithm, SigningKey, base64url
from domain.errors import ConcurrentChange, LeaseInvalid, Unavailable
from domain.lease import LeaseClaims

ANNOUNCEMENT = timedelta(seconds=10)
"""A new key signs this long after its rotation (sooner when the overlap is shorter)."""
OVERLAP = timedelta(days=30)
LOOK_EVERY = 2.0
_SHORTEST_GAP = 0.5  # seconds between two looks, however many unknown kids are presented
_LONGEST_LEASE = 32_768  # characters

log = structlog.get_logger()


class Signature(NamedTuple):
    kid: str
    value: bytes


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key as operators see it. `status`: announced, active (it signs), retired (still accepted) or expired."""

    kid: str
    algorithm: str
    status: str
    created_at: datetime
    signs_from: datetime
    valid_until: datetime | None
    public_key: str
    """PEM, also of expired keys: what they signed can be examined for ever."""


class SigningKeys:
    """All signing keys of the engine, kept in memory and fresh by a thread of its own until `close`.

    Leases are signed and read without I/O, so both may be called from the event loop; `ensure`, `rotate`, `list` and
    `sign_document` ask Postgres or take long: call them from a thread. `now` is the engine's clock everywhere.
    """

    def __init__(self, database: Database, secrets: Secrets, *, look_every: float = LOOK_EVERY) -> None:
        self._database = database
        self._secrets = secrets
        self._look_every = look_every
        self._keys: dict[bytes, SigningKey] = {}  # by JWT header; replaced as a whole, so readers need no lock
        self._token_keys: dict[bytes, SigningKey] = {}
        self._newest: dict[Algorithm, list[SigningKey]] = {algorithm: [] for algorithm in Algorithm}
        self._issued = IssuedLeases()
        self._looked_at = 0.0
        self._making = threading.Lock()
        self._looking = threading.Lock()
        self._look_now = threading.Event()
        self._closing = threading.Event()
        self.refresh()
        self._thread = threading.Thread(target=self._follow, name="signing-keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._look_now.set()
        self._thread.join(timeout=5)
        self._issued.clear()

    # --- the life of a key ---

    def ensure(self, now: datetime, algorithm: Algorithm = Algorithm.ED25519) -> SigningKey:
        """The key that signs now, made when there is none yet; RSA takes seconds then. Any number may call at once."""
        if not self._newest[algorithm]:
            self._begin(algorithm, now)
        return self._signer(algorithm, now)

    def rotate(self, algorithm: Algorithm, now: datetime, overlap: timedelta = OVERLAP) -> SigningKey:
        """A new key for `algorithm`. The old one signs until the new one begins and is accepted until `now + overlap`.

        `overlap` 0 is the answer to a stolen key: from now on nothing counts that any older key of the algorithm
        signed, the retired ones included. Private halves whose time is over are destroyed. `ConcurrentChange` when
        somebody else rotates at this moment.
        """
        if overlap < timedelta(0):
            raise ValueError("an overlap is not negative")
        now = now.replace(microsecond=0)  # as the times in a lease: one issued in this second gets the new key
        new = SigningKey.generate(algorithm, now, signs_from=now + min(overlap, ANNOUNCEMENT))
        retire = """update signing_keys set valid_until = least(valid_until, %s)
            where algorithm = %s and (valid_until is null or %s)"""
        destroy = "update signing_keys set private_key = null where valid_until <= %s"
        try:
            with self._database.transaction() as connection:
                connection.execute(retire, (now + overlap, algorithm, not overlap))
                connection.execute(destroy, (now,))
                connection.execute(_INSERT, self._row(new))
        except UniqueViolation as error:
            raise ConcurrentChange() from error
        self.refresh()
        log.info("signing_keys.rotated", kid=new.kid, algorithm=str(algorithm))
        return new

    def list(self, now: datetime) -> Sequence[KeyFacts]:
        """Every key there ever was, the newest first."""
        self.refresh()
        rows = self._database.fetch_all(_SELECT_FACTS)
        signing = {self._signer(Algorithm(row["algorithm"]), now).kid for row in rows}
        return [_facts(row, signing, now) for row in rows]

    def jwks(self, now: datetime) -> dict[str, Any]:
        """The JWK set (RFC 7517) of `/.well-known/usher-keys.json`: announced, active and retired-but-valid keys."""
        return {"keys": [key.jwk() for keys in self._newest.values() for key in keys if key.accepted(now)]}

    # --- signatures ---

    def sign_document(self, document: bytes, algorithm: Algorithm, now: datetime) -> Signature:
        """Signs exactly these bytes. The first RSA signature of an installation makes the key: seconds, in a thread."""
        key = self.ensure(now, algorithm)
        return Signature(key.kid, key.sign(document))

    def sign_lease(self, claims: LeaseClaims) -> str:
        """The lease as a JWT, signed by the Ed25519 key of its `iat`; `Unavailable` before the first `ensure`."""
        key = self._signer(Algorithm.ED25519, claims.issued_at)
        signed = key.jwt_header + b"." + base64url(orjson.dumps(claims, default=dict))
        lease = signed + b"." + base64url(key.sign(signed))
        self._issued.add(lease)
        return lease.decode()

    def read_lease(self, token: str, now: datetime, *, late: timedelta = timedelta(0)) -> LeaseClaims:
        """What a lease of ours says, if it holds or ended at most `late` ago.

        `LeaseInvalid` when it is misshapen, altered, older than that, or its key is unknown or no longer accepted.
        `Unavailable` when the key is unknown and Postgres could not be asked for a while: the lease may be good.
        """
        signed, signature = self._split(token)
        key = self._key_of(signed.partition(b".")[0], now, self._keys)
        if token.encode() not in self._issued and not _is_signed(key, signed, signature):
            raise LeaseInvalid()
        claims = _claims(signed[len(key.jwt_header) + 1 :])
        if now.timestamp() - claims.exp >= late.total_seconds():
            raise LeaseInvalid("The lease has expired; acquire a seat again.")
        return claims

    def sign_token(self, claims: Mapping[str, Any], now: datetime) -> str:
        """A JWT for somebody else (`aud`) who trusts the published keys; `Unavailable` before the first `ensure`."""
        key = self._signer(Algorithm.ED25519, now)
        signed = key.token_header + b"." + base64url(orjson.dumps(claims))
        return (signed + b"." + base64url(key.sign(signed))).decode()

    def read_token(self, token: str, now: datetime) -> dict[str, Any] | None:
        """What such a token of ours says, also an expired one; None for all others. `Unavailable` as `read_lease`."""
        try:
            signed, signature = self._split(token)
            key = self._key_of(signed.partition(b".")[0], now, self._token_keys)
        except LeaseInvalid:
            return None
        if not _is_signed(key, signed, signature):
            return None
        claims: dict[str, Any] = orjson.loads(urlsafe_b64decode(signed.partition(b".")[2] + b"=="))
        return claims

    @staticmethod
    def _split(token: str) -> tuple[bytes, bytes]:
        """What was signed (header.payload) and the signature, still in base64url."""
        if len(token) > _LONGEST_LEASE or not token.isascii() or token.count(".") != 2:
            raise LeaseInvalid()
        signed, _, signature = token.encode().rpartition(b".")
        return signed, signature

    def _key_of(self, jwt_header: bytes, now: datetime, keys: Mapping[bytes, SigningKey]) -> SigningKey:
        """The accepted key whose header this is, byte for byte: no `alg` but ours is ever looked at."""
        key = keys.get(jwt_header)
        if key is None:
            self._look_now.set()
            if time.monotonic() - self._looked_at > ANNOUNCEMENT.total_seconds():
                raise Unavailable(retry_after=5)
            raise LeaseInvalid()
        if not key.accepted(now):
            raise LeaseInvalid()
        return key

    def _signer(self, algorithm: Algorithm, now: datetime) -> SigningKey:
        keys = self._newest[algorithm]
        for key in keys:
            if key.signs(now):
                return key
        # This machine's clock is behind that of the one that made the first key.
        for key in keys:
            if key.valid_until is None:
                return key
        raise Unavailable()

    # --- the table ---

    def refresh(self) -> None:
        """Reads the keys from Postgres; `SealBroken` when they were sealed with another server secret."""
        with self._looking:
            rows = self._database.fetch_all(_SELECT)
            known = {key.kid: key for same_kind in self._newest.values() for key in same_kind}
            keys = [self._opened(row, known.get(row["kid"])) for row in rows]
            self._newest = {algorithm: [key for key in keys if key.algorithm is algorithm] for algorithm in Algorithm}
            self._keys = {key.jwt_header: key for key in self._newest[Algorithm.ED25519]}
            self._token_keys = {key.token_header: key for key in self._newest[Algorithm.ED25519]}
            self._looked_at = time.monotonic()

    def _opened(self, row: dict[str, Any], known: SigningKey | None) -> SigningKey:
        if known:
            return replace(known, valid_until=row["valid_until"])
        der = self._secrets.unseal(row.pop("private_key"), purpose=_PURPOSE, bound_to=row.pop("kid"))
        return SigningKey.stored(der, **row)

    def _begin(self, algorithm: Algorithm, now: datetime) -> None:
        """Makes the first key, unless another thread or process was faster: then its key is ours too."""
        with self._making:
            self.refresh()
            if not self._newest[algorithm]:
                first = SigningKey.generate(algorithm, now.replace(microsecond=0))
                self._database.execute(f"{_INSERT} on conflict do nothing", self._row(first))
                self.refresh()

    def _row(self, key: SigningKey) -> dict[str, Any]:
        sealed = self._secrets.seal(key.private_der(), purpose=_PURPOSE, bound_to=key.kid)
        row = {"kid": key.kid, "algorithm": key.algorithm, "public_key": key.public_der(), "private_key": sealed}
        return row | {"created_at": key.created_at, "signs_from": key.signs_from}

    def _follow(self) -> None:
        """Looks again and again; while Postgres is away the keys we have stay good."""
        while not self._closing.wait(_SHORTEST_GAP):
            self._look_now.wait(self._look_every)
            self._look_now.clear()
            if self._closing.is_set():
                return
            try:
                self.refresh()
            except Exception as error:  # a thread that ends here would never learn of a rotation
                log.warning("signing_keys.not_read", error=str(error))


def _is_signed(key: SigningKey, signed: bytes, signature: bytes) -> bool:
    """Ed25519 is deterministic (RFC 8032 §5.1.6) and the private half is ours: signing again and comparing takes a
    third of the time of verifying. The signature made here belongs to whatever the caller sent: it must never leave
    this function, be logged or be kept."""
    return hmac.compare_digest(base64url(key.sign(signed)), signature)


_PURPOSE = "signing-keys"
_SELECT = """select kid, private_key, created_at, signs_from, valid_until from signing_keys
    where private_key is not null order by signs_from desc, kid"""
_SELECT_FACTS = """select kid, algorithm, public_key, created_at, signs_from, valid_until from signing_keys
    order by signs_from desc, kid"""
_INSERT = """insert into signing_keys (kid, algorithm, public_key, private_key, created_at, signs_from)
    values (%(kid)s, %(algorithm)s, %(public_key)s, %(private_key)s, %(created_at)s, %(signs_from)s)"""


def _claims(payload: bytes) -> LeaseClaims:
    try:
        return LeaseClaims.stated(orjson.loads(urlsafe_b64decode(payload + b"==")))
    except ValueError as error:
        raise LeaseInvalid() from error


def _facts(row: dict[str, Any], signing: set[str], now: datetime) -> KeyFacts:
    pem = load_der_public_key(row.pop("public_key")).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if row["kid"] in signing:
        status = "active"
    elif row["valid_until"] and row["valid_until"] <= now:
        status = "expired"
    else:
        status = "announced" if row["signs_from"] > now else "retired"
    return KeyFacts(status=status, public_key=pem.decode(), **row)
