"""The leases that this process signed lately, each by a MAC, so that they need not be verified when they come back."""

from __future__ import annotations

import hmac
import os
from hashlib import blake2b

PLACES = 1 << 18
"""Of 16 bytes each: 4 MB for the leases of a quarter of a million sessions, in a process that signs any."""
_SIZE = 16


class IssuedLeases:
    """A table without a list of what is in it: a newer lease may push an older one out, which is verified then.

    The MAC is keyed by a secret of this process (BLAKE2b, RFC 7693, 128 bits), so nobody can make a text that is found.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._key = os.urandom(32)
        self._places = places
        self._macs = bytearray()  # made with the first lease: most processes sign none

    def add(self, lease: bytes) -> None:
        if not self._macs:
            self._macs = bytearray(self._places * _SIZE)
        mac = self._mac(lease)
        at = self._place(mac)
        self._macs[at : at + _SIZE] = mac

    def clear(self) -> None:
        self._macs = bytearray()

    def __contains__(self, lease: bytes) -> bool:
        mac = self._mac(lease)
        at = self._place(mac)
        return hmac.compare_digest(self._macs[at : at + _SIZE], mac)

    def _mac(self, lease: bytes) -> bytes:
        return blake2b(lease, digest_size=_SIZE, key=self._key).digest()

    def _place(self, mac: bytes) -> int:
        return int.from_bytes(mac[:4], "big") % self._places * _SIZE
