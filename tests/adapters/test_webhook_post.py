"""Handing over a webhook: bounded in every direction, to the address that was checked, whatever the endpoint does."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook

from adapters import webhook_post
from adapters.network_reach import Reach
from adapters.standard_webhooks import make_secret
from adapters.webhook_post import KEPT_OF_BODY, Answer, WebhookPost
from tests.webhook_receiver import Receiver, Response, raw_server, receiving

SECRET = make_secret(b"s" * 32)
ID = uuid4()
BODY = b'{"type":"license.issued"}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hurried(monkeypatch) -> None:
    """An exchange may take half a second."""
    monkeypatch.setattr(webhook_post, "ANSWERS_WITHIN", 0.5)


def sandbox_post() -> WebhookPost:
    return WebhookPost(Reach(everywhere=True), sandbox=True)


def send(url: str, post: WebhookPost | None = None) -> Answer:
    with (post or sandbox_post()).to(url, [SECRET]) as line:
        return line.send(ID, BODY)


def test_a_webhook_comes_whole_signed_and_with_no_word_too_much(receiver):
    answer = send(receiver.url + "?token=secret")
    assert (answer.status, answer.error, answer.body) == (204, None, b"")
    (request,) = receiver.requests
    assert request.path == "/hooks?token=secret" and request.body == BODY
    assert Webhook(SECRET).verify(request.body, request.headers)
    assert set(request.headers) == {
        *("host", "content-type", "content-length", "user-agent", "accept-encoding"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(receiver, status):
    receiver.respond = lambda _: Response(status)
    assert send(receiver.url).error is None


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
def test_any_other_answer_is_a_refusal_with_what_it_said(receiver, status):
    receiver.respond = lambda _: Response(status, b"no, thank you")
    answer = send(receiver.url)
    assert (answer.status, answer.error, answer.body) == (status, "refused", b"no, thank you")


def test_a_redirect_is_not_followed(receiver):
    with receiving() as elsewhere:
        receiver.respond = lambda _: Response(307, headers={"Location": elsewhere.url})
        answer = send(receiver.url)
        assert (answer.status, answer.error) == (307, "redirect")
        assert elsewhere.requests == []


def test_a_proxy_of_the_environment_is_not_used(receiver, monkeypatch):
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert send(receiver.url).error is None
        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


def test_deliveries_share_a_connection(receiver):
    with sandbox_post().to(receiver.url, [SECRET]) as line:
        for _ in range(5):
            assert line.send(uuid4(), BODY).error is None
    assert len({request.connection for request in receiver.requests}) == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_no_failure():
    answers = iter([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] * 3)
    closing = raw_server(lambda connection: connection.sendall(next(answers)))  # after each answer
    with closing as url, sandbox_post().to(url, [SECRET]) as line:
        assert [line.send(uuid4(), BODY).error for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(
    ("value", "wish"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("9" * 400, timedelta(seconds=10**8)),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("Fri, 31 Feb 2027 10:00:00 GMT", None),
    ],
)
def test_what_the_endpoint_asks_for_is_read(receiver, value, wish):
    receiver.respond = lambda _: Response(429, headers={"Retry-After": value})
    assert send(receiver.url).retry_after == wish


def test_a_date_to_come_back_at_is_read_by_the_worlds_clock(receiver):
    at = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    receiver.respond = lambda _: Response(503, headers={"Retry-After": at})
    wish = send(receiver.url).retry_after
    assert wish is not None and timedelta(minutes=9) < wish <= timedelta(minutes=10)


# endpoints that misbehave


def test_of_an_endless_answer_the_beginning_is_read(receiver):
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oh\r\ncontent-type: text/plain\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with raw_server(endless) as url:
        answer = send(url)
    assert (answer.status, answer.error, answer.body) == (500, "refused", b"x" * KEPT_OF_BODY)


def test_endless_headers_are_not_read_to_their_end():
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"x-more: " + b"y" * 8192 + b"\r\n")

    with raw_server(endless) as url:
        answer = send(url)
    assert (answer.status, answer.error) == (None, "not_http")


def test_an_endpoint_that_hangs_is_left_in_time(receiver, hurried):
    receiver.respond = lambda _: None
    answer = send(receiver.url)
    assert (answer.status, answer.error) == (None, "timeout") and answer.latency_ms >= 400


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_an_endpoint_that_drips_is_left_in_time_though_it_always_says_something(hurried, said):
    def drip(connection: socket.socket) -> None:
        connection.sendall(said)
        while True:
            time.sleep(0.05)
            connection.sendall(said[-4:] if said.endswith(b"x: ") else said)

    with raw_server(drip) as url:
        began = time.monotonic()
        answer = send(url)
    assert answer.error == "timeout" and time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("said", "error"),
    [(b"", "connection_lost"), (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not_http"), (b"HTTP/1.1 abc\r\n\r\n", "not_http")],
)
def test_what_speaks_no_http_is_a_failure(said, error):
    with raw_server(lambda connection: connection.sendall(said)) as url:
        assert send(url) == Answer(None, error, latency_ms=pytest.approx(0, abs=5000))


def test_a_port_where_nobody_listens_is_a_failure():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert send(f"http://127.0.0.1:{free.getsockname()[1]}/").error == "connect_failed"


# where it connects to


def test_production_connects_to_no_address_inside(monkeypatch):
    """Not even once: the name was public when it was registered, and leads inside now."""
    tried = []
    monkeypatch.setattr(webhook_post.socket, "create_connection", lambda *address, **_: tried.append(address))
    post = WebhookPost(Reach(everywhere=False, resolve=lambda *_: ["10.0.0.1"]), sandbox=False)
    assert send("https://hooks.example.com/", post).error == "address_not_public"
    assert tried == []


def test_production_sends_nothing_to_a_url_that_a_sandbox_had_let_in(receiver):
    post = WebhookPost(Reach(everywhere=False), sandbox=False)
    assert send(receiver.url, post).error == "url_not_allowed"
    assert receiver.requests == []


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(monkeypatch):
    answers, tried = iter([["8.8.8.8", "2606:4700::1111"], ["127.0.0.1"]]), []

    def refuse(address, **_):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(webhook_post.socket, "create_connection", refuse)
    post = WebhookPost(Reach(everywhere=False, resolve=lambda *_: next(answers)), sandbox=False)
    assert send("https://hooks.example.com:8443/", post).error == "connect_failed"
    assert tried == [("8.8.8.8", 8443), ("2606:4700::1111", 8443)]


@pytest.fixture
def authority(tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server that proves to be hooks.example.com, and a client that trusts who vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = Path(tmp_path / "certificate.pem")
    pem = serialization.Encoding.PEM
    file.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)


def test_the_certificate_must_be_for_the_name_whatever_address_it_led_to(authority):
    server, client = authority
    with receiving(server) as receiver:
        reach = Reach(everywhere=True, resolve=lambda *_: ["127.0.0.1"])
        post = WebhookPost(reach, sandbox=True, tls=client)
        with post.to(f"https://hooks.example.com:{receiver.port}/in", [SECRET]) as line:
            assert [line.send(uuid4(), BODY).error for _ in range(3)] == [None] * 3
        assert len({request.connection for request in receiver.requests}) == 1
        assert send(f"https://other.example.com:{receiver.port}/", post).error == "certificate_invalid"
        untrusting = WebhookPost(reach, sandbox=True)
        assert send(f"https://hooks.example.com:{receiver.port}/", untrusting).error == "certificate_invalid"
    assert len(receiver.requests) == 3


def test_what_speaks_no_tls_is_a_failure(receiver):
    assert send(receiver.url.replace("http://", "https://")).error == "tls_failed"
