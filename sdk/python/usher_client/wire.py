"""How a call reaches Usher: over HTTP with httpx, which is loaded at the first call.

A connection lives as long as what it is needed for, seconds: heartbeats are minutes apart, no server or router in
between keeps a silent connection so long, and a forked child must not share one.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from usher_client.errors import Unavailable
from usher_client.flow import Answer, Call

if TYPE_CHECKING:
    import ssl

    import httpx

log = logging.getLogger("usher_client")
VERSION = "0.1.0"
_NOBODY = "Usher cannot be reached ({}); check the network."


class Address:
    """Where Usher is. `client`: the host program's own httpx client, with its proxies and certificates; it is used as
    it is and never closed here."""

    def __init__(self, url: str, client: Any = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("the server's URL begins with https:// and has a host")
        self.url = url.rstrip("/")
        self.client = client
        self._is_secure = parts.scheme == "https"
        self._trusted: ssl.SSLContext | None = None
        if not self._is_secure and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            log.warning("the licence key goes over the network unencrypted; use https")

    def options(self) -> dict[str, Any]:
        """What every httpx client of ours is made with."""
        return {"verify": self._trust(), "headers": {"User-Agent": f"usher-client/{VERSION}"}}

    def request(self, call: Call) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
        if call.credential is not None:
            headers["Authorization"] = call.credential
        return {
            "method": call.method,
            "url": self.url + call.path,
            "json": call.body,
            "headers": headers,
            "timeout": call.patience,
            "follow_redirects": False,
        }

    def _trust(self) -> ssl.SSLContext:
        """Made once: reading the certificates takes 30 ms. Where no TLS is spoken there are none to trust."""
        if self._trusted is None:
            import ssl

            import httpx

            self._trusted = httpx.create_ssl_context() if self._is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return self._trusted


class Wire:
    """Sends calls, one connection for as long as it is open; nothing is opened before the first call."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: httpx.Client | None = None

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._client is not None and self._client is not self._address.client:
            self._client.close()

    def send(self, call: Call) -> Answer:
        """Raises `Unavailable` when there is no answer, whatever is in the way."""
        with _faults():
            answer = self._open().request(**self._address.request(call))
            return Answer(answer.status_code, answer.headers, answer.content)

    def _open(self) -> httpx.Client:
        if self._client is None:
            httpx, given = load_httpx(), self._address.client
            self._client = given if isinstance(given, httpx.Client) else httpx.Client(**self._address.options())
        return self._client


class AsyncWire:
    """As `Wire`, for an event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> AsyncWire:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._client is not None and self._client is not self._address.client:
            await self._client.aclose()

    async def send(self, call: Call) -> Answer:
        """Raises `Unavailable` when there is no answer, whatever is in the way."""
        with _faults():
            answer = await self._open().request(**self._address.request(call))
            return Answer(answer.status_code, answer.headers, answer.content)

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            httpx, given = load_httpx(), self._address.client
            is_given = isinstance(given, httpx.AsyncClient)
            self._client = given if is_given else httpx.AsyncClient(**self._address.options())
        return self._client


@contextmanager
def _faults() -> Iterator[None]:
    """What a library says of the network, as the one thing a program can act on. The original is not chained: it
    carries the request, and with it the key."""
    try:
        yield
    except (OSError, ValueError) as fault:  # the network, and a header or a host name that cannot be written
        raise Unavailable(_NOBODY.format(type(fault).__name__)) from None
    except Exception as fault:
        if not type(fault).__module__.startswith(("httpx", "httpcore", "h11", "anyio")):
            raise
        raise Unavailable(_NOBODY.format(type(fault).__name__)) from None


def load_httpx() -> Any:
    """httpx without its command line, which takes rich, pygments and click along where they are installed: 5 MB and
    40 ms for a program that never asked for it."""
    if "httpx" not in sys.modules:
        sys.modules["httpx._main"] = None  # type: ignore[assignment]
        try:
            import httpx
        finally:
            del sys.modules["httpx._main"]
    import httpx

    return httpx
