"""Passwords: what is refused, what is stored, and that a flood of log-ins is turned away."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.passwords import SHORTEST, Passwords, common_passwords
from domain.errors import InvalidRequest, Unavailable

CHEAP = Passwords(memory_kib=64, passes=1)


def test_what_is_stored_is_argon2id_with_sane_parameters() -> None:
    stored = Passwords().hash("a long and windy road")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "windy" not in stored
    assert Passwords().verify("a long and windy road", stored)


def test_two_hashes_of_one_password_differ_and_both_verify() -> None:
    first, second = CHEAP.hash("a long and windy road"), CHEAP.hash("a long and windy road")
    assert first != second
    assert CHEAP.verify("a long and windy road", first) and CHEAP.verify("a long and windy road", second)
    assert not CHEAP.verify("another road", first)


def test_nobody_has_a_password_not_even_the_one_that_stands_in() -> None:
    assert not CHEAP.verify("nobody has this password", None)
    assert not CHEAP.verify("x", "not a hash")


def test_one_password_typed_on_two_keyboards_is_one() -> None:
    assert CHEAP.verify("cafe\u0301 au lait", CHEAP.hash("caf\u00e9 au lait"))


def test_the_common_passwords_are_refused_in_any_letters() -> None:
    assert len(common_passwords()) > 8_000
    for common in ("password1", "iloveyou1", "QWERTYUIOP", "Football1", "\uff50assword1"):
        with pytest.raises(InvalidRequest, match="most common"):
            CHEAP.check_new(common, email="ann@example.com")
    assert all(len(password) >= SHORTEST and password == password.lower() for password in common_passwords())


def test_a_good_password_passes() -> None:
    for good in ("a long and windy road", "8chars-!", "пароль которого нет", "tab\tand\nline are fine", "x" * 256):
        CHEAP.check_new(good, email="ann@example.com")


def test_a_flood_is_turned_away_instead_of_taking_the_memory() -> None:
    passwords, entered = Passwords(memory_kib=64, passes=1), threading.Barrier(3)
    go_on = threading.Event()
    hash_one = passwords._hasher.hash

    class Slow:
        def hash(self, password: str) -> str:
            entered.wait(10)
            go_on.wait(10)
            return hash_one(password)

    passwords._hasher = Slow()  # type: ignore[assignment]
    with ThreadPoolExecutor(19) as pool:
        at_work = [pool.submit(passwords.hash, "x") for _ in range(2)]
        entered.wait(10)  # two are hashing
        passwords._hasher.hash = hash_one  # type: ignore[method-assign]
        waiting = [pool.submit(passwords.hash, "x") for _ in range(16)]
        admitted = passwords._admitted
        while admitted._value:
            threading.Event().wait(0.001)
        with pytest.raises(Unavailable):
            passwords.hash("one too many")
        go_on.set()
        assert all(work.result(10) for work in (*at_work, *waiting))
