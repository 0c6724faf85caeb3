from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.emails.envelope import Mailbox, compose
from adapters.emails.render import Rendered
from adapters.smtp import Refused, SmtpServer, TryLater
from tests.adapters.smtp_post import Post, serving


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.mark.parametrize(
    ("url", "host", "port", "security", "username", "password"),
    [
        ("smtp://mail.example", "mail.example", 25, "none", None, ""),
        ("smtp://mail.example?starttls=true", "mail.example", 587, "starttls", None, ""),
        ("smtp://ada:p%40ss%2F@mail.example:2525?starttls=true", "mail.example", 2525, "starttls", "ada", "p@ss/"),
        ("smtp://ada:pass@mail.example", "mail.example", 587, "starttls", "ada", "pass"),
        ("smtp://ada:pass@mail.example:25?starttls=false", "mail.example", 25, "none", "ada", "pass"),
        ("smtps://ada%40x.example:pass@mail.example", "mail.example", 465, "tls", "ada@x.example", "pass"),
        ("smtp://[::1]:1025", "::1", 1025, "none", None, ""),
    ],
)
def test_an_smtp_address_is_read(
    url: str, host: str, port: int, security: str, username: str | None, password: str
) -> None:
    server = SmtpServer.parse(url)
    assert (server.host, server.port, server.security) == (host, port, security)
    assert (server.username, server.password) == (username, password)
    assert "pass" not in repr(server).replace("password", "")


@pytest.mark.parametrize(
    "url",
    ["mail.example:25", "http://mail.example", "smtp://", "smtp://x:99999", "smtp://x?tls=1", "smtp://u:sécret@x"],
)
def test_a_wrong_smtp_address_is_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="looks like smtp://") as refused:
        SmtpServer.parse(url)
    assert "sécret" not in str(refused.value)


def test_credentials_are_sent_and_wrong_ones_only_delay(post: Post) -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=(login.login, login.password) == (b"ada", b"right"), handled=False)

    settings = {"authenticator": check, "auth_required": True, "auth_require_tls": False}
    with pytest.warns(UserWarning, match="Requiring AUTH while not requiring TLS"), serving(post, **settings) as port:
        with pytest.raises(TryLater, match=r"^535"):
            deliver(f"smtp://ada:wrong@127.0.0.1:{port}?starttls=false")
        with pytest.raises(TryLater, match=r"^530"):
            deliver(f"smtp://127.0.0.1:{port}")
        deliver(f"smtp://ada:right@127.0.0.1:{port}?starttls=false")
    assert len(post.taken) == 1


def test_starttls_and_smtps_check_the_certificate(post: Post, certificate: Path) -> None:
    ours, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=certificate)
    ours.load_cert_chain(certificate)
    for scheme, options, settings in (
        ("smtp", "?starttls=true", {"tls_context": ours, "require_starttls": True}),
        ("smtps", "", {"ssl_context": ours}),
    ):
        with serving(post, **settings) as port:
            address = f"{scheme}://127.0.0.1:{port}{options}"
            with pytest.raises(TryLater, match="SSLCertVerificationError"):
                deliver(address)
            deliver(address, tls=trusting)
    assert len(post.taken) == 2


def test_a_server_without_starttls_gets_neither_password_nor_mail(post: Post) -> None:
    with serving(post) as port, pytest.raises(TryLater, match="SMTPNotSupportedError"):
        deliver(f"smtp://ada:secret@127.0.0.1:{port}")
    assert post.taken == []


def test_a_non_ascii_address_needs_a_server_that_can(post: Post) -> None:
    with serving(post, enable_SMTPUTF8=True) as port:
        deliver(f"smtp://127.0.0.1:{port}", to="अदिति@example.com")
    assert post.taken[0].rcpt_tos == ["अदिति@example.com"]
    with serving(post, enable_SMTPUTF8=False) as port, pytest.raises(Refused, match="no_smtputf8"):
        deliver(f"smtp://127.0.0.1:{port}", to="अदिति@example.com")


def test_a_server_that_says_nothing_is_given_up(post: Post) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TryLater, match="SMTPServerDisconnected"):
        deliver(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)


def deliver(url: str, to: str = "ada@customer.example", **settings: Any) -> None:
    us, now = Mailbox("Us", "licences@example.com"), datetime.now(UTC)
    message = compose(
        Rendered("Hello", "Hello", "<p>Hello"), message_id=uuid4(), sender=us, to=Mailbox("", to), now=now
    )
    SmtpServer.parse(url, **settings).deliver(message, sender=us.address, to=to)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed one for 127.0.0.1, with its private key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now, number = datetime.now(UTC), x509.random_serial_number()
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), number, now, now + timedelta(hours=1))
        .add_extension(address, critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(encoding, form, serialization.NoEncryption())
    file.write_bytes(private + signed.public_bytes(encoding))
    return file
