"""A program that starts without a network: what its last run left on the disk, and what of it is believed."""

from __future__ import annotations

import json
import stat

import pytest
from stand_in import KEY
from table import Table

from usher_client import LicenseSuspended, RateLimited, State, Unavailable
from usher_client.flow import Answer
from usher_client.keyring import FRESH_FOR


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def table(engine, directory) -> Table:
    """A program that sat down and was killed; Usher is away since."""
    table = Table(engine, directory)
    table.sit()
    table.answering = False
    table.new_run()
    return table


def kept(directory, kind="seat"):
    return next(path for path in directory.iterdir() if path.name.startswith(kind))


def test_it_works_on_by_the_lease_of_its_last_run(table):
    table.clock.passes(1200)
    sitting = table.sit()
    sitting.check()
    status = sitting.status
    assert (status.state, status.seat, status.works) == (State.OFFLINE, 1, True)
    assert status.until.timestamp() - table.clock.wall() == pytest.approx(2160 - 1200, abs=10)
    table.answering = True
    assert table.look(sitting) == ["PATCH heartbeat"]
    assert sitting.status.state is State.SEATED


def test_it_does_not_make_its_user_wait_long(table):
    before = table.clock.steady()
    table.sit()
    assert table.clock.steady() - before < 4


def test_when_usher_is_back_and_the_seat_is_gone_it_takes_another(table):
    sitting = table.sit()
    table.answering = True
    table.engine.close("expired")
    assert table.look(sitting) == ["PATCH heartbeat", "POST acquire"]
    assert sitting.status.state is State.SEATED


@pytest.mark.parametrize("after", [2161, 100_000])
def test_when_the_grace_is_over_it_does_not_start(table, after):
    table.clock.passes(after)
    with pytest.raises(Unavailable):
        table.sit()


@pytest.mark.parametrize("back", [301, 86_400])
def test_a_clock_that_was_set_back_does_not_help(table, back):
    table.clock.is_set(-back)
    with pytest.raises(Unavailable):
        table.sit()


def test_the_lease_is_good_for_this_machine_this_product_and_this_key_only(table, directory):
    mine = kept(directory).read_bytes()
    for other in ({"fingerprint": "fingerprint-of-bob"}, {"product": "cortex"}):
        talk = table.new_run(**other)
        (directory / f"{talk._kept}.json").write_bytes(mine)
        with pytest.raises(Unavailable):
            table.sit()
    table.new_run(license_key=KEY[:-1] + "6")
    with pytest.raises(Unavailable):
        table.sit()


def test_a_key_spelled_otherwise_is_the_same_key(table):
    table.new_run(license_key=KEY.lower().replace("-", " ").replace("0", "o"))
    assert table.sit().status.state is State.OFFLINE


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"lease": 7}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_as_good_as_none(table, directory, content):
    kept(directory).write_bytes(content)
    with pytest.raises(Unavailable):
        table.sit()


def test_an_edited_lease_is_not_believed(table, directory):
    record = json.loads(kept(directory).read_text())
    header, payload, signature = record["lease"].split(".")
    kept(directory).write_text(json.dumps({**record, "lease": f"{header}.{payload[:-4]}AAAA.{signature}"}))
    with pytest.raises(Unavailable):
        table.sit()


def test_the_files_are_their_users_own_and_hold_no_key(table, directory):
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert KEY.encode() not in path.read_bytes() and KEY not in path.name
        assert b"fingerprint-of-ada" not in path.read_bytes()


@pytest.mark.parametrize("how", ["released", "suspended", "evicted"])
def test_nothing_is_kept_of_a_seat_that_is_given_back_or_taken_away(table, directory, how):
    table.answering = True
    sitting = table.sit()
    if how == "released":
        sitting.ask_to_leave()
        table.run(sitting.leave(1))
    else:
        table.engine.status = "suspended"
        table.engine.close(how)
        sitting.ask_now()
        table.look(sitting)
    assert not [path for path in directory.iterdir() if path.name.startswith("seat-")]


def test_a_refusal_at_the_start_ends_the_old_lease(table, directory):
    table.answering, table.engine.status = True, "suspended"
    with pytest.raises(LicenseSuspended):
        table.sit()
    table.answering = False
    with pytest.raises(Unavailable):
        table.sit()


def test_a_program_that_does_not_want_it_keeps_no_lease(table, directory):
    kept(directory).unlink()
    table.answering = True
    table.new_run(keep_lease=False)
    table.sit()
    assert [path.name.split("-")[0] for path in directory.iterdir()] == ["keys"]


def test_a_directory_that_cannot_be_written_is_no_reason_to_stop(engine, tmp_path):
    (tmp_path / "file").write_text("in the way")
    table = Table(engine, tmp_path / "file")
    table.sit().check()


def test_a_program_that_is_told_to_slow_down_starts_by_its_lease(table):
    table.send = lambda call: Answer(429, {"retry-after": "60"}, b'{"error": {"code": "rate_limited"}}')
    assert table.sit().status.state is State.OFFLINE
    table.new_run(keep_lease=False)
    with pytest.raises(RateLimited):
        table.sit()


def test_keys_are_asked_for_once_a_day(table):
    table.answering = True
    sitting = table.sit()
    assert [call.path for call in table.calls].count("/.well-known/usher-keys.json") == 1  # in the first run
    table.clock.passes(FRESH_FOR)
    assert table.look(sitting) == ["PATCH heartbeat", "GET usher-keys.json"]
    assert table.look(sitting, after=300) == ["PATCH heartbeat"]
