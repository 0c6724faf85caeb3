"""What is kept of a device, and the codes of the device flow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.device_code import DEVICE_CODE_BYTES, LETTERS, USER_CODE_BYTES, device_code, shown, typed, user_code
from domain.sign_in import Device

SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0"


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (SAFARI, "Safari on iOS"),
        (EDGE, "Edge on Windows"),
        ("usher-client/0.1.0", "usher-client"),
        ("curl/8.5", "curl"),
        ("Mozilla/5.0 (something new)", None),
        ("<script>", None),
        ("", None),
        (None, None),
    ],
)
def test_of_a_user_agent_its_family_is_kept_and_no_version(user_agent, family):
    assert Device.seen(user_agent, None).family == family


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("unknown", None),
        (None, None),
    ],
)
def test_of_an_address_its_network_is_kept(address, network):
    assert Device.seen(None, address).network == network


@given(some.binary(min_size=USER_CODE_BYTES, max_size=USER_CODE_BYTES))
def test_a_user_code_is_eight_letters_that_cannot_be_taken_for_others_however_it_is_typed(randomness):
    code = user_code(randomness)
    assert len(code) == 9 and code[4] == "-" and set(code) <= {*LETTERS, "-"}
    letters = typed(f" {code.lower()} ")
    assert letters and shown(letters) == code


@given(some.text())
def test_what_is_typed_is_a_code_or_nothing(text):
    letters = typed(text)
    assert letters is None or (len(letters) == 8 and set(letters) <= set(LETTERS))


def test_a_device_code_has_all_of_its_randomness():
    assert len(device_code(bytes(DEVICE_CODE_BYTES))) == 43
    assert device_code(b"\xff" * DEVICE_CODE_BYTES) != device_code(bytes(DEVICE_CODE_BYTES))
