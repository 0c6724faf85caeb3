"""Licence keys: derived from a server secret when they are needed, findable by digest, never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from domain.license import License
from domain.license_key import LicenseKey, derive
from domain.license_terms import Key

if TYPE_CHECKING:
    from adapters.database import Row
    from application.catalog import Catalog


class LicenseKeys:
    """`secret` is 32 bytes and must never change: every key of every licence hangs on it."""

    def __init__(self, secret: bytes, catalog: Catalog) -> None:
        self._secret = secret
        self._catalog = catalog

    def make(self, license_id: UUID, *, version: int, product: str) -> tuple[Key, Row]:
        """What is kept of a key, and the row that finds the licence by it."""
        key = self._derive(license_id, version, self._catalog.product(product).license_key_prefix)
        row = (
            "insert into license_keys (digest, license_id) values (%s, %s) on conflict (digest) do nothing",
            (key.digest, license_id),
        )
        return Key(version, key.digest, key.hint), row

    def reveal(self, license: License) -> LicenseKey:
        """The whole key, for its owner's eyes: at issue and in the mail, nowhere else."""
        return self._derive(license.id, license.key.version, license.key.hint.split("-")[0])

    def _derive(self, license_id: UUID, version: int, prefix: str) -> LicenseKey:
        return derive(self._secret, license_id, version, prefix)
