"""What a provider is asked to do: one thing at a time, each with a key of its own and one outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.buying_errors import CommandUnderWay
from domain.provider_asks import Cancel, Pause, Resume
from domain.provider_desk import ProviderDesk

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SUBJECT, ORGANIZATION = UUID(int=1), UUID(int=2)


@pytest.fixture
def desk() -> ProviderDesk:
    return ProviderDesk.set_up(provider="stripe", subject=SUBJECT, now=NOW)


def test_a_command_is_open_until_its_outcome(desk):
    command = desk.ask(Pause("sub_1"), organization_id=ORGANIZATION, now=NOW)
    assert (desk.open, command.number, command.ask) == (command, 1, Pause("sub_1"))
    desk.done(1, reference="sub_1", now=NOW)
    assert (desk.open, desk.reference) == (None, "sub_1")


def test_nothing_else_is_asked_meanwhile(desk):
    first = desk.ask(Pause("sub_1"), organization_id=ORGANIZATION, now=NOW)
    with pytest.raises(CommandUnderWay) as refused:
        desk.ask(Cancel("sub_1", at_period_end=True), organization_id=ORGANIZATION, now=NOW)
    assert refused.value.details == {"command_id": str(first.id)}
    assert refused.value.retry_after == 5


@pytest.mark.parametrize("end", ["done", "refused", "give_up"])
def test_after_any_outcome_the_next_may_be_asked_under_another_key(desk, end):
    first = desk.ask(Pause("sub_1"), organization_id=ORGANIZATION, now=NOW)
    told = {"reference": "sub_1"} if end == "done" else {"reason": "card_declined"}
    getattr(desk, end)(1, **told, now=NOW)
    second = desk.ask(Resume("sub_1", True, False), organization_id=ORGANIZATION, now=NOW)
    assert second.number == 2 and second.id != first.id


def test_an_outcome_counts_once_and_only_for_its_own_command(desk):
    desk.ask(Pause("sub_1"), organization_id=ORGANIZATION, now=NOW)
    desk.done(1, reference="sub_1", now=NOW)
    version = desk.version
    desk.refused(1, reason="late", now=NOW)
    desk.done(1, reference="sub_1", now=NOW)
    assert desk.version == version
    desk.ask(Resume("sub_1", True, False), organization_id=ORGANIZATION, now=NOW)
    desk.give_up(1, reason="the first one is over", now=NOW)
    assert desk.open is not None and desk.open.number == 2


def test_the_key_of_a_command_is_the_same_for_whoever_finds_it(desk):
    command = desk.ask(Pause("sub_1"), organization_id=ORGANIZATION, now=NOW)
    again: ProviderDesk | None = None
    for event in desk.collect_events():
        again = event.mutate(again)
    assert again is not None and again.open == command
    other = ProviderDesk.set_up(provider="stripe", subject=UUID(int=9), now=NOW)
    assert other.ask(Pause("sub_1"), organization_id=ORGANIZATION, now=NOW).id != command.id
