from __future__ import annotations

from uuid import UUID

import pytest

from adapters.secrets import Secrets
from adapters.user_digests import UserDigests

LICENSE = UUID(int=1)
DIGESTS = UserDigests(Secrets("a server secret that is long enough to be one"))


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("ada@example.test", "ADA@Example.TEST"),
        ("Ada Lovelace", "  ada lovelace\t"),
        ("ada", "ａｄａ"),
        ("Ångström", "A\u030angstro\u0308m"),
        ("straße", "STRASSE"),
        ("ﬁona", "FIONA"),
        ("\u0390", "\u03aa\u0301"),
        ("Ada\u00a0L", "ada l"),
    ],
)
def test_one_person_however_the_name_is_written(one, same):
    assert DIGESTS.digest(LICENSE, one) == DIGESTS.digest(LICENSE, same)


@pytest.mark.parametrize("other", ["adam", "a da", "ada.", "àda", "0da"])
def test_another_name_is_another_person(other):
    assert DIGESTS.digest(LICENSE, other) != DIGESTS.digest(LICENSE, "ada")


@pytest.mark.parametrize("nobody", ["", " ", "\u00a0", "\t\u3000"])
def test_a_name_without_a_letter_is_nobody(nobody):
    assert DIGESTS.digest(LICENSE, nobody) == ""


def test_nobody_can_follow_a_person_to_another_licence_or_guess_without_the_secret():
    here = DIGESTS.digest(LICENSE, "ada")
    assert len(here) == 43
    assert here != DIGESTS.digest(UUID(int=2), "ada")
    assert here != UserDigests(Secrets("another secret, which is also long enough")).digest(LICENSE, "ada")
