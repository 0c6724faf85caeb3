"""Addresses for mail as the log knows them: ids that nobody can turn back without the server's secret."""

from __future__ import annotations

import hmac
import unicodedata
from uuid import UUID

from adapters.secrets import Secrets


class AddressDigests:
    """The same address, in whatever case, has the same id for ever."""

    def __init__(self, secrets: Secrets) -> None:
        self._key = secrets.key_for("mail-addresses")

    def id_of(self, email: str) -> UUID:
        """The stream of its `MailAddress`: HMAC-SHA256, cut to an id."""
        told = unicodedata.normalize("NFKC", email).casefold().strip()
        return UUID(bytes=hmac.digest(self._key, told.encode(), "sha256")[:16], version=5)
