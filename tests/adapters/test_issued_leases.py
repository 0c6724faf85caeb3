from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.issued_leases import IssuedLeases

leases = st.binary(min_size=1, max_size=80)


@given(st.lists(leases, max_size=30), leases)
def test_only_what_was_added_is_found(added, asked):
    issued = IssuedLeases()
    for each in added:
        issued.add(each)
    assert (asked in issued) == (asked in added)
    assert all(each in issued for each in added)


def test_a_full_table_forgets_the_older_one_and_never_takes_one_for_the_other():
    issued = IssuedLeases(places=1)
    issued.add(b"older")
    issued.add(b"newer")
    assert b"newer" in issued and b"older" not in issued


def test_an_empty_table_knows_nothing():
    assert b"" not in IssuedLeases() and b"\0" * 16 not in IssuedLeases()


def test_another_process_has_another_secret():
    one, other = IssuedLeases(places=1), IssuedLeases(places=1)
    one.add(b"lease")
    other._macs[:] = one._macs
    assert b"lease" not in other
