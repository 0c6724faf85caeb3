"""People as seats know them: digests that nobody can turn back into names without the server's secret."""

from __future__ import annotations

import hmac
import unicodedata
from base64 import urlsafe_b64encode
from uuid import UUID

from adapters.secrets import Secrets


class UserDigests:
    """The same person has other digests at other licences, so that nobody can follow a name across customers."""

    def __init__(self, secrets: Secrets) -> None:
        self._key = secrets.key_for("seat-users")

    def digest(self, license_id: UUID, name: str) -> str:
        """HMAC-SHA256 of the name in base64url without padding (43 characters). Case, width (NFKC) and surrounding
        blanks do not matter; '' for nobody."""
        told = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()
        if not told:
            return ""
        mac = hmac.digest(self._key, license_id.bytes + told.encode(), "sha256")
        return urlsafe_b64encode(mac).rstrip(b"=").decode()
