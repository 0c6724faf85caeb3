"""Names are resolved once, and one address inside spoils them all; no test here asks a name server."""

from __future__ import annotations

import socket
import threading

import pytest

from adapters import network_reach
from adapters.network_reach import Reach, Unreachable, resolve_by_system


def reach(*addresses: str, everywhere: bool = False) -> Reach:
    return Reach(everywhere=everywhere, resolve=lambda host, port: addresses)


def test_public_addresses_are_answered_in_their_order():
    assert reach("8.8.8.8", "2606:4700::1111").addresses("hooks.example", 443) == ("8.8.8.8", "2606:4700::1111")


@pytest.mark.parametrize(
    "addresses",
    [
        ("10.0.0.1",),
        ("8.8.8.8", "10.0.0.1"),
        ("::1", "8.8.8.8"),
        ("::ffff:8.8.8.8",),
        ("169.254.169.254",),
        ("fe80::1%eth0",),
        ("not an address",),
    ],
)
def test_a_name_with_one_address_inside_leads_nowhere(addresses):
    with pytest.raises(Unreachable) as reason:
        reach(*addresses).addresses("hooks.example", 443)
    assert reason.value.code == "address_not_public"


def test_a_name_without_an_address_leads_nowhere():
    with pytest.raises(Unreachable) as reason:
        reach(everywhere=True).addresses("hooks.example", 443)
    assert reason.value.code == "name_not_resolved"


def test_the_sandbox_reaches_every_machine():
    assert reach("127.0.0.1", everywhere=True).addresses("localhost", 80) == ("127.0.0.1",)


def test_the_system_knows_addresses_and_forgets_repetitions(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))] * 2
    monkeypatch.setattr(network_reach.socket, "getaddrinfo", lambda *_, **__: found)
    assert resolve_by_system("hooks.example", 443) == ["8.8.8.8"]


@pytest.mark.parametrize("problem", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_is_not_known_says_so_in_our_words(monkeypatch, problem):
    def unknown(*_, **__):
        raise problem

    monkeypatch.setattr(network_reach.socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable) as reason:
        resolve_by_system("hooks.example", 443)
    assert reason.value.code == "name_not_resolved"


def test_a_name_server_that_says_nothing_is_not_waited_for(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(network_reach.socket, "getaddrinfo", lambda *_, **__: [over.wait(10)][:0])
    monkeypatch.setattr(network_reach, "RESOLVE_WITHIN", 0.05)
    with pytest.raises(Unreachable) as reason:
        resolve_by_system("hooks.example", 443)
    over.set()
    assert reason.value.code == "name_server_timeout"
