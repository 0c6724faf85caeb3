"""From where and until when a key may be used, and that no restricted key makes a freer one."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.key_restrictions import Restrictions, network

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def bound_to(*networks: str) -> Restrictions:
    return Restrictions(tuple(map(network, networks)))


@pytest.mark.parametrize("told", ["203.0.113.7/24", "::1/64", "localhost", "203.0.113.0/33", "", "1.2.3"])
def test_what_is_no_network_is_refused(told):
    with pytest.raises(ValueError):
        network(told)


def test_a_caller_comes_from_one_of_the_networks():
    office = bound_to("203.0.113.0/24", "2001:db8::/32", "198.51.100.7")
    assert all(map(office.admit, ["203.0.113.9", "2001:db8::1", "198.51.100.7", "::ffff:203.0.113.9"]))
    assert not any(map(office.admit, ["203.0.114.9", "2001:db9::1", "198.51.100.8", "::ffff:203.0.114.9"]))


def test_an_address_that_is_none_comes_from_nowhere():
    assert Restrictions().admit("unknown")
    assert not bound_to("0.0.0.0/0", "::/0").admit("unknown")


def test_one_without_bounds_covers_all_and_is_covered_by_itself_alone():
    free, bound = Restrictions(), bound_to("203.0.113.0/24")
    assert free.cover(bound) and free.cover(free) and not bound.cover(free)
    ending = Restrictions(expires_at=NOW)
    assert free.cover(ending) and not ending.cover(free)
    assert ending.cover(Restrictions(expires_at=NOW - timedelta(seconds=1)))
    assert not ending.cover(Restrictions(expires_at=NOW + timedelta(seconds=1)))


networks = some.lists(
    some.tuples(some.integers(0, 255), some.integers(1, 8)).map(
        lambda drawn: ipaddress.ip_network((drawn[0] << 24, drawn[1]), strict=False)
    ),
    max_size=3,
).map(tuple)


@given(networks, networks, some.integers(0, 255))
def test_what_is_covered_admits_nobody_whom_the_covering_refuse(outer, inner, first):
    address = f"{first}.1.2.3"
    if Restrictions(outer).cover(Restrictions(inner)) and Restrictions(inner).admit(address):
        assert Restrictions(outer).admit(address)
