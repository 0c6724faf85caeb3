"""Passwords: which are refused, and their argon2id hashes (RFC 9106, parameters of the OWASP cheat sheet)."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from domain.errors import InvalidRequest, Unavailable

SHORTEST, LONGEST = 8, 256
_MEMORY_KIB, _PASSES = 19_456, 2
_AT_ONCE = 2
_WAITING = 16
_PATIENCE = 10.0

# By frequency, from breaches; compiled by Royce Williams, as shipped with Django (BSD). The first 19,623.
_COMMON = Path(__file__).parent / "common_passwords.txt"


class Passwords:
    """Hashes two at a time (19 MiB each) while 16 wait: a flood of log-ins takes neither the memory nor the threads."""

    def __init__(self, *, memory_kib: int = _MEMORY_KIB, passes: int = _PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._working = threading.BoundedSemaphore(_AT_ONCE)
        self._admitted = threading.BoundedSemaphore(_AT_ONCE + _WAITING)
        self._nobody = self._hasher.hash("nobody has this password")

    def check_new(self, password: str, *, email: str, field: str = "password") -> None:
        """`InvalidRequest` with a reason when the password is too short, too long, too common or the address itself."""
        plain = _normal(password)
        if not SHORTEST <= len(plain) <= LONGEST:
            raise InvalidRequest.field(field, f"use {SHORTEST} to {LONGEST} characters")
        if plain.casefold() in common_passwords():
            raise InvalidRequest.field(field, "this is one of the most common passwords; choose another")
        if plain.casefold() in {email.casefold(), email.casefold().partition("@")[0]}:
            raise InvalidRequest.field(field, "do not use the e-mail address; choose another")

    def hash(self, password: str) -> str:
        """The hash to store (about 20 ms); `Unavailable` when too many are waiting."""
        with self._turn():
            return self._hasher.hash(_normal(password))

    def verify(self, password: str, stored: str | None) -> bool:
        """Whether `password` has the `stored` hash. None takes as long as any other, so nobody learns who exists."""
        with self._turn():
            try:
                return self._hasher.verify(stored or self._nobody, _normal(password)) and stored is not None
            except (VerificationError, InvalidHashError):
                return False

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._admitted.acquire(blocking=False):
            raise Unavailable(retry_after=2)
        try:
            if not self._working.acquire(timeout=_PATIENCE):
                raise Unavailable(retry_after=2)
            try:
                yield
            finally:
                self._working.release()
        finally:
            self._admitted.release()


@cache
def common_passwords() -> frozenset[str]:
    """In lower case; those shorter than what we accept are left out."""
    return frozenset(line for line in _COMMON.read_text().splitlines() if len(line) >= SHORTEST)


def _normal(password: str) -> str:
    """One form of each character, so that two keyboards that compose `é` differently make the same password."""
    return unicodedata.normalize("NFKC", password)
