"""Where webhooks may go at all."""

from __future__ import annotations

import pytest

from domain.errors import InvalidRequest
from domain.public_address import is_public
from domain.webhook_url import WebhookUrl


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("https://hooks.example.com", ("https", "hooks.example.com", 443, "/")),
        ("https://hooks.example.com:8443/in?a=1", ("https", "hooks.example.com", 8443, "/in?a=1")),
        ("https://Hooks.Example.COM/In", ("https", "hooks.example.com", 443, "/In")),
        ("https://bücher.example/ä", ("https", "xn--bcher-kva.example", 443, "/%C3%A4")),
        ("https://8.8.8.8/", ("https", "8.8.8.8", 443, "/")),
        ("https://[2606:4700::1111]:8443/x", ("https", "2606:4700::1111", 8443, "/x")),
    ],
)
def test_a_public_address_is_taken_apart(text, parsed):
    assert WebhookUrl.parse(text, sandbox=False) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com",
        "http://hooks.example.com",
        "ftp://hooks.example.com",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user@hooks.example.com",
        "https://user:password@hooks.example.com",
        "https://hooks.example.com#part",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\nx",
        "https://hooks.example.com\\@inside.example",
        "https://hooks.example.com:22",
        "https://hooks.example.com:80",
        "https://hooks.example.com:0",
        "https://hooks.example.com:70000",
        "https://hooks.example.com:x",
        "https://localhost",
        "https://metadata",
        "https://127.0.0.1",
        "https://127.1",
        "https://2130706433",
        "https://10.0.0.1",
        "https://169.254.169.254/latest/meta-data",
        "https://100.100.100.200",
        "https://[::1]",
        "https://[::ffff:10.0.0.1]",
        "https://[fe80::1%25eth0]",
        "https://[",
        "https://" + "a" * 3_000,
        "https://" + "a" * 64 + "ü.example",
    ],
)
def test_what_is_no_address_of_the_world_is_refused(text):
    with pytest.raises(InvalidRequest) as refused:
        WebhookUrl.parse(text, sandbox=False)
    assert [each["field"] for each in refused.value.details["fields"]] == ["url"]


@pytest.mark.parametrize("text", ["http://127.0.0.1:8080/hooks", "http://localhost", "https://10.0.0.1:22/x"])
def test_the_sandbox_takes_any_machine(text):
    assert WebhookUrl.parse(text, sandbox=True).scheme in ("http", "https")


@pytest.mark.parametrize("text", ["ftp://x.example", "http://user:pw@localhost", "http://localhost/#x", "http:// x"])
def test_the_sandbox_takes_no_nonsense(text):
    with pytest.raises(InvalidRequest):
        WebhookUrl.parse(text, sandbox=True)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://hooks.example.com/token/secret?key=1", "https://hooks.example.com"),
        ("https://hooks.example.com:8443/x", "https://hooks.example.com:8443"),
        ("https://[2606:4700::1111]:8443/x", "https://[2606:4700::1111]:8443"),
    ],
)
def test_only_its_origin_is_said_aloud(text, origin):
    parsed = WebhookUrl.parse(text, sandbox=False)
    assert parsed.origin == origin == f"https://{parsed.authority}"


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"])
def test_addresses_of_the_world_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"),
        *("168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
        *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1"),
        *("100::1", "2001::1", "2001:0:4136:e378::1", "2001:db8::1", "2002:a00:1::1", "2002:808:808::1"),
        *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
        *("", "localhost", "8.8.8", "8.8.8.8/32", "0x7f.0.0.1"),
    ],
)
def test_addresses_inside_and_those_that_carry_others_are_not_public(address):
    assert not is_public(address)
