"""The address of a webhook endpoint, as far as it can be judged without asking the network."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from domain.errors import InvalidRequest
from domain.public_address import is_public

LONGEST = 2_048
_HTTPS = 443
_LOWEST_OTHER = 1_024
_UNSEEN = frozenset(chr(code) for code in range(0x21)) | {"\x7f", "\\"}


class WebhookUrl(NamedTuple):
    """`host` is in ASCII, a name or an address without brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str, *, sandbox: bool) -> WebhookUrl:
        """`InvalidRequest` for what is no `https` URL, has a user or a password in it, another port than 443 or one
        from 1024 on, or an address that is not public. The sandbox takes `http` and any address and port, too."""
        if len(text) > LONGEST:
            raise _wrong(f"must have at most {LONGEST:,} characters")
        if (not text.isascii() and not text.isprintable()) or _UNSEEN & set(text):
            raise _wrong("must not contain blanks, backslashes or control characters")
        try:
            parts = urlsplit(text)
            port, host = parts.port, _in_ascii(parts.hostname or "")
        except ValueError:
            raise _wrong("is not a URL") from None
        if parts.scheme not in (("http", "https") if sandbox else ("https",)) or not host:
            raise _wrong("must begin with https://" + (" or http://" if sandbox else "") + " and name a host")
        if "@" in parts.netloc:
            raise _wrong("must not contain a user or a password; use a secret path, or check the signature")
        if "#" in text:
            raise _wrong("must not contain a fragment (#)")
        port = port if port is not None else 80 if parts.scheme == "http" else _HTTPS
        if not sandbox:
            _require_reachable(host, port)
        return cls(parts.scheme, host, port, _target(parts.path, parts.query))

    @property
    def authority(self) -> str:
        """Host and port, as a request names them (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"http": 80, "https": _HTTPS}[self.scheme]
        return host if self.port == standard else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """What may be said aloud of it: a path or a query may be a secret."""
        return f"{self.scheme}://{self.authority}"


def _require_reachable(host: str, port: int) -> None:
    if port != _HTTPS and port < _LOWEST_OTHER:
        raise _wrong(f"must use port {_HTTPS}, or one from {_LOWEST_OTHER:,} on")
    is_address = ":" in host or host.replace(".", "").isdigit()
    if (is_address and not is_public(host)) or (not is_address and "." not in host.rstrip(".")):
        raise not_public()


def not_public() -> InvalidRequest:
    """The same for a name that is not there and for one that leads inside: nobody learns which names we see."""
    return _wrong("must lead to a public address: the name is not known, or is not one that everybody reaches")


def _in_ascii(host: str) -> str:
    """A name of other letters as the network knows it (IDNA)."""
    return host if host.isascii() else host.encode("idna").decode()


def _target(path: str, query: str) -> str:
    """As it goes into the request: letters beyond ASCII are percent-encoded."""
    text = (path or "/") + (f"?{query}" if query else "")
    return "".join(char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode()) for char in text)


def _wrong(problem: str) -> InvalidRequest:
    return InvalidRequest.field("url", problem)
