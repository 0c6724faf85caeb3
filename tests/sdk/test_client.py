"""The Python client's stories with the real Usher. What it does in every corner is tested in sdk/python/tests."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from usher_client import (
    AsyncLicenseClient,
    InvalidRequest,
    LicenseClient,
    LicenseFileInvalid,
    LicenseKeyInvalid,
    LicenseRevoked,
    LicenseSuspended,
    SeatEvicted,
    SeatResized,
    SeatsExhausted,
    State,
    UsherError,
)

from adapters.signing_key import Algorithm
from domain.seat import CloseReason


@pytest.fixture
def sold(sell) -> Any:
    """A licence of three seats."""
    return sell("starter")


@pytest.fixture
def program(sold, program_of) -> Callable[..., LicenseClient]:
    return lambda *machine, **other: program_of(sold, *machine, **other)


def used(program) -> int:
    return program("somebody-who-asks").validate().license["seats"]["used"]


def test_three_machines_sit_and_the_fourth_is_told_how_full_it_is(program):
    seats = [program(f"machine-{number:04}").acquire() for number in range(3)]
    assert sorted(seat.number for seat in seats) == [1, 2, 3] and seats[2].seats == (3, 3)
    assert seats[0].features == {"api": True, "sso": False}
    with pytest.raises(SeatsExhausted) as refusal:
        program("machine-0004").acquire()
    assert (refusal.value.limit, refusal.value.used) == (3, 3) and refusal.value.request_id
    assert seats[0].release() is True
    with program("machine-0004").acquire() as late:
        assert late.number == seats[0].number
    for seat in seats:
        assert seat.release() is True
    assert used(program) == 0


def test_a_heartbeat_renews_the_lease(program):
    with program().acquire() as seat:
        lease = seat._sitting.held.lease
        while time.time() < lease.issued_at + 1:  # one of the same second would be the same
            time.sleep(0.05)
        seat.renew()
        while seat._sitting.held.lease.token == lease.token:
            assert time.time() < lease.issued_at + 30
            time.sleep(0.05)
        assert seat._sitting.held.lease.session_id == lease.session_id


def test_the_same_machine_again_has_its_own_seat(program):
    with program().acquire() as seat, program().acquire() as again:
        assert (seat.session_id, seat.number) == (again.session_id, again.number)


def test_a_suspended_licence_stops_the_program_until_it_is_reinstated(program, sold, told):
    with program().acquire() as seat:
        sold.change("suspend")
        seat.renew()
        told.until(State.SUSPENDED)
        with pytest.raises(LicenseSuspended):
            seat.check()
        with pytest.raises(LicenseSuspended):
            program("machine-of-bob").acquire()
        assert program().validate().code == "SUSPENDED"
        sold.change("reinstate")
        seat.renew()
        told.until(State.SEATED)
        seat.check()


def test_a_revoked_licence_ends_the_program_for_good(program, sold, told):
    with program().acquire() as seat:
        sold.change("revoke")
        seat.renew()
        assert told.until(State.LOST).final
        with pytest.raises(LicenseRevoked):
            seat.check()


def test_an_evicted_session_is_not_taken_again(program, sold, told):
    with program().acquire() as seat:
        sold.admin("DELETE", f"sessions/{seat.session_id}")
        seat.renew()
        assert told.until(State.LOST).final
        with pytest.raises(SeatEvicted):
            seat.check()
    assert used(program) == 0


def test_after_a_resize_the_newest_session_is_over(program, sold, told, engine):
    with program("machine-one").acquire(), program("machine-two").acquire() as second:
        sold.change("resize", seats=1)
        engine.seat_work.end_sessions(UUID(sold.id), CloseReason.RESIZED, keep=1)  # the worker's errand
        second.renew()
        told.until(State.LOST)
        with pytest.raises(SeatResized):
            second.check()


def test_a_rotated_key_is_told_apart(program, sold):
    sold.change("rotate-key")
    with pytest.raises(LicenseKeyInvalid):
        program().acquire()
    with pytest.raises(LicenseKeyInvalid):
        program(license_key="CODI-NONSENSE").acquire()


def test_a_killed_api_is_lived_through_offline_and_found_again(program, api, told):
    with program(timeout=2).acquire() as seat:
        api.kill()
        seat.renew()
        told.until(State.OFFLINE)
        seat.check()
        with program(timeout=2).acquire() as second:  # a second start of the program, without a network
            assert second.status.state is State.OFFLINE
            api.start()
            seat.renew()
            told.until(State.SEATED)
        seat.check()


def test_signing_keys_that_are_rotated_are_learned(program, engine):
    with program().acquire():
        pass
    engine.signing.rotate(Algorithm.ED25519, engine.clock.now())
    with program().acquire() as seat:
        seat.check()


def test_a_lease_that_was_edited_is_refused_by_both_sides(program, api):
    with program().acquire() as seat:
        lease = seat._sitting.held.lease
        header, payload, signature = lease.token.split(".")
        claims = {**json.loads(_decoded(payload)), "seat": 2}
        edited = f"{header}.{urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.{signature}"
        url = f"{api.url}/api/v1/licenses/sessions/{lease.session_id}/heartbeat"
        assert httpx.patch(url, headers={"Authorization": f"Lease {edited}"}).status_code == 401
        with pytest.raises(UsherError, match="signature"):
            seat._sitting.talk.opened({"lease": edited})


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("algorithm", ["ed25519", "rsa-4096"])
def test_a_licence_file_is_read_without_a_network(program, api, sold, algorithm):
    url = f"{api.url}/api/v1/licenses/{sold.id}/download"
    headers = {"Authorization": f"License {sold.key}"}
    file = httpx.get(url, params={"algorithm": algorithm}, headers=headers, timeout=60)
    assert file.status_code == 200, file.text
    assert program().read_license_file(file.content)["id"] == sold.id  # learns the keys
    api.kill()
    licence = program().read_license_file(file.content)
    assert (licence["product"], licence["seats"]["limit"], licence["status"]) == ("coditect", 3, "active")
    with pytest.raises(LicenseFileInvalid, match="another product"):
        program(product="cortex").read_license_file(file.content)
    outer = json.loads(file.content)
    outer["payload"] = outer["payload"][:-8] + "fX0gICAg"
    with pytest.raises(LicenseFileInvalid):
        program().read_license_file(json.dumps(outer).encode())


def test_what_is_said_of_the_program_is_taken(program):
    with program(user="ada", hostname="ada-laptop", app_version="4.2").acquire() as seat:
        assert seat.number == 1
    with pytest.raises(InvalidRequest) as refusal:
        program(hostname="x" * 300).acquire()
    assert refusal.value.details["fields"][0]["field"] == "hostname"


def test_the_client_for_asyncio_tells_the_same_story(api, sold, told, program, tmp_path):
    async def story() -> None:
        options = {"fingerprint": "machine-of-ada", "state_dir": tmp_path, "on_change": told}
        client = AsyncLicenseClient(api.url, sold.key, product="coditect", **options)
        assert (await client.validate()).valid
        async with client.acquire() as seat:
            seat.check()
            await asyncio.to_thread(sold.change, "suspend")
            seat.renew()
            await asyncio.to_thread(told.until, State.SUSPENDED)
            await asyncio.to_thread(sold.change, "reinstate")
            seat.renew()
            await asyncio.to_thread(told.until, State.SEATED)

    asyncio.run(story())
    assert used(program) == 0
