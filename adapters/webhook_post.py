"""Hands a webhook to its endpoint over HTTP, bounded in every direction, and says what became of it.

One connection for a run of deliveries. No redirect is followed, no proxy of the environment is used, no cookie is kept;
the whole of an exchange has one deadline, so that an endpoint that sends a byte now and then is done with in time, too.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

import httpcore

from adapters.network_reach import Reach, Unreachable
from adapters.standard_webhooks import signed_headers
from domain.errors import InvalidRequest
from domain.webhook_url import WebhookUrl

ANSWERS_WITHIN = 15.0
"""Seconds for one delivery: to find the host, to connect, to send, to be answered."""
CONNECTS_WITHIN = 5.0
KEPT_OF_BODY = 2_048
"""Bytes of an answer that the delivery log keeps; no more are read."""

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpcore.ConnectTimeout, "connect_timeout"),
    (httpcore.TimeoutException, "timeout"),
    (httpcore.ConnectError, "connect_failed"),
    (httpcore.RemoteProtocolError, "not_http"),
    (httpcore.NetworkError, "connection_lost"),
    (httpcore.ProtocolError, "not_http"),
)
_HEADERS = {"content-type": "application/json", "user-agent": "Usher-Webhooks/1", "accept-encoding": "identity"}
_ENDED = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)

_Exchanged = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers, and the beginning of the body."""


class Answer(NamedTuple):
    """`error` is None for 2xx and else a word of ours; `body` is the beginning of what was answered, `retry_after` what
    the endpoint asked for."""

    status: int | None
    error: str | None
    latency_ms: int
    body: bytes | None = None
    retry_after: timedelta | None = None


class WebhookPost:
    """`tls` is for tests; by default the public certification authorities are trusted."""

    def __init__(self, reach: Reach, *, sandbox: bool, tls: ssl.SSLContext | None = None) -> None:
        self._reach = reach
        self._sandbox = sandbox
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or httpcore.default_ssl_context()

    @contextmanager
    def to(self, url: str, secrets: Sequence[str]) -> Iterator[Line]:
        """A line to one endpoint, which connects when something is sent; all of `secrets` sign."""
        line = Line(url, secrets, _Network(self._reach), self._tls, sandbox=self._sandbox)
        try:
            yield line
        finally:
            line.close()


class Line:
    """Deliveries to one endpoint, one after the other."""

    def __init__(
        self, url: str, secrets: Sequence[str], network: _Network, tls: ssl.SSLContext, *, sandbox: bool
    ) -> None:
        self._given_url = url
        self._secrets = secrets
        self._network = network
        self._sandbox = sandbox
        self._is_used = False
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, max_connections=1, max_keepalive_connections=1, network_backend=network
        )

    def send(self, id: UUID, body: bytes) -> Answer:
        """Never raises for what the network or the endpoint does."""
        began = time.monotonic()
        self._network.deadline = began + ANSWERS_WITHIN
        headers = {**_HEADERS, **signed_headers(self._secrets, id, int(time.time()), body)}
        try:
            status, said, beginning = self._exchange_again_if_closed(headers, body)
        except Unreachable as reason:
            return Answer(None, reason.code, _since(began))
        except InvalidRequest:  # production took over what a sandbox had let in
            return Answer(None, "url_not_allowed", _since(began))
        except Exception as error:
            return Answer(None, _word_for(error), _since(began))
        failed = None if 200 <= status < 300 else "redirect" if 300 <= status < 400 else "refused"
        return Answer(status, failed, _since(began), beginning, _retry_after(said))

    def close(self) -> None:
        self._pool.close()

    @cached_property
    def _target(self) -> WebhookUrl:
        return WebhookUrl.parse(self._given_url, sandbox=self._sandbox)

    def _exchange_again_if_closed(self, headers: Mapping[str, str], body: bytes) -> _Exchanged:
        """A kept connection may be closed by the other side at any moment: that is no failure of the endpoint's."""
        was_used, self._is_used = self._is_used, True
        try:
            return self._exchange(headers, body)
        except _ENDED:
            if not was_used:
                raise
            return self._exchange(headers, body)

    def _exchange(self, headers: Mapping[str, str], body: bytes) -> _Exchanged:
        to = self._target
        url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.target.encode())
        named = [("host", to.authority), *headers.items()]
        with self._pool.stream("POST", url, headers=named, content=body) as response:
            beginning = b""
            for part in response.iter_stream():
                beginning += part[: KEPT_OF_BODY - len(beginning)]
                if len(beginning) >= KEPT_OF_BODY:
                    break  # the connection is closed with what is left of it
            return response.status, response.headers, beginning


class _Network(httpcore.NetworkBackend):
    """Connects to checked addresses only; `deadline` is the end of the exchange under way (time.monotonic)."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self.deadline = 0.0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        addresses = self._reach.addresses(host, port)
        for number, address in enumerate(addresses, 1):
            try:
                left = min(CONNECTS_WITHIN, self.left())
                connected = socket.create_connection((address, port), timeout=left)
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return _Stream(connected, self)
            except TimeoutError as error:
                if number == len(addresses):
                    raise httpcore.ConnectTimeout(str(error)) from error
            except OSError as error:
                if number == len(addresses):
                    raise httpcore.ConnectError(str(error)) from error
        raise Unreachable("name_not_resolved")

    def left(self) -> float:
        """Seconds; raises TimeoutError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the exchange took too long")
        return left


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends with the deadline of the exchange."""

    def __init__(self, connected: socket.socket, network: _Network) -> None:
        self._socket = connected
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _in_time(httpcore.ReadTimeout, httpcore.ReadError):
            self._socket.settimeout(self._network.left())
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _in_time(httpcore.WriteTimeout, httpcore.WriteError):
            while buffer:
                self._socket.settimeout(self._network.left())
                buffer = buffer[self._socket.send(buffer) :]

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        """The certificate must be for the name in the URL, whatever address it led to."""
        try:
            with _in_time(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._socket.settimeout(self._network.left())
                return _Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._network)
        except BaseException as error:
            self.close()
            if isinstance(error.__cause__, ssl.SSLError):
                is_wrong = isinstance(error.__cause__, ssl.SSLCertVerificationError)
                raise Unreachable("certificate_invalid" if is_wrong else "tls_failed") from error
            raise

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """`is_readable` says of an idle connection that the other side has closed it, or speaks out of turn."""
        if info != "is_readable":
            return None
        look = select.poll()
        look.register(self._socket, select.POLLIN)
        return bool(look.poll(0))


@contextmanager
def _in_time(late: type[Exception], lost: type[Exception]) -> Iterator[None]:
    """The library's words for what sockets raise."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise lost(str(error)) from error


def _word_for(error: Exception) -> str:
    if "disconnected" in str(error):
        return "connection_lost"
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "failed")


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _retry_after(headers: list[tuple[bytes, bytes]]) -> timedelta | None:
    """Seconds, or a date by the world's clock (RFC 9110 §10.2.3); None for anything else."""
    value = next((value.decode("latin-1").strip() for name, value in headers if name.lower() == b"retry-after"), "")
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:10]), 10**8))
    try:
        return max(parsedate_to_datetime(value) - datetime.now(UTC), timedelta(0))
    except (ValueError, TypeError, OverflowError):
        return None
