"""An epoch of a licence's seats that was followed by another never counts again, however late somebody names it."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from adapters.database import Database
from adapters.seat_epochs import SeatEpochs, epoch_over, require_epochs


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    yield database
    database.close()


def test_the_epoch_that_a_pool_is_in_counts_once_it_has_begun(database):
    epochs, one, other = SeatEpochs(database), uuid4(), uuid4()
    assert epochs.counting([one, other]) == {}
    assert epochs.begin({one: "a", other: "b"}, {}) == {one, other}
    assert epochs.counting([one, other, uuid4()]) == {one: "a", other: "b"}
    assert epochs.begin({one: "a2", other: "b"}, {one: "a", other: "b"}) == {one, other}
    assert epochs.counting([one, other]) == {one: "a2", other: "b"}


def test_who_looked_before_another_began_does_not_bring_back_what_the_pool_was_in_then(database):
    epochs, license_id = SeatEpochs(database), uuid4()
    seen = epochs.counting([license_id])
    assert epochs.begin({license_id: "after the flush"}, seen)
    assert not epochs.begin({license_id: "before the flush"}, seen)
    seen = epochs.counting([license_id])
    assert epochs.begin({license_id: "after another"}, seen)
    assert not epochs.begin({license_id: "before the flush"}, seen)
    assert epochs.counting([license_id]) == {license_id: "after another"}


def test_two_who_find_the_pool_in_one_epoch_both_begin_it(database):
    epochs, license_id = SeatEpochs(database), uuid4()
    assert epochs.begin({license_id: "a"}, {}) == epochs.begin({license_id: "a"}, {}) == {license_id}


def test_what_was_believed_in_an_epoch_is_stored_while_it_counts(database):
    epochs, one, other = SeatEpochs(database), uuid4(), uuid4()
    epochs.begin({one: "a", other: "b"}, {})
    database.execute(*require_epochs([(one, "a"), (other, "b"), (one, "a")]))
    for believed in ([(one, "a"), (other, "c")], [(one, "a"), (uuid4(), "a")], [(one, "b")]):
        with pytest.raises(psycopg.Error) as refused:
            database.execute(*require_epochs(believed))
        assert epoch_over(refused.value)


def test_no_epoch_begins_while_something_that_was_believed_before_is_being_stored(database):
    epochs, license_id = SeatEpochs(database), uuid4()
    epochs.begin({license_id: "a"}, {})
    with database.transaction() as storing:
        storing.execute(*require_epochs([(license_id, "a")]))
        with database.connection() as beginning, pytest.raises(psycopg.errors.LockNotAvailable):
            beginning.execute("set lock_timeout = '50ms'")
            beginning.execute("select begin_seat_epochs(%s, %s, %s)", ([license_id], ["a"], ["b"]))
    assert epochs.begin({license_id: "b"}, {license_id: "a"}) == {license_id}
