"""Policies are published in versions that never change; what people agree to is what they were shown."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.consent_record import ConsentRecord, ConsentRequired, PolicyVersionSuperseded, lacks
from domain.errors import Conflict, InvalidRequest, NotFound
from domain.policy_book import MOST_POLICIES, Demand, Party, PolicyBook, PolicyVersion, PolicyVersionPublished

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN, ACME = UUID(int=1), UUID(int=2)


def version(name: str = "1", demand: Demand = Demand.REQUIRED, **other: str) -> PolicyVersion:
    return PolicyVersion(
        **{"version": name, "title": "Terms", "url": f"https://acme.test/terms/{name}", **other}, demand=demand
    )


def book(*versions: PolicyVersion) -> PolicyBook:
    made = PolicyBook.open(now=NOW)
    for each in versions:
        made.publish("terms", Party.PERSON, each, now=NOW)
    return made


def record() -> ConsentRecord:
    return ConsentRecord.open(id=UUID(int=3), user_id=ANN, organization_id=None, now=NOW)


def facts(aggregate: PolicyBook | ConsentRecord) -> list[str]:
    return [type(event).__name__ for event in aggregate.pending_events][1:]


# publishing


def test_the_last_version_is_asked_for_and_the_same_again_changes_nothing() -> None:
    known = book(version("1"), version("2"), version("1"), version("2"))
    assert facts(known) == ["Published", "Published"]
    assert known.find("terms").current.version == "2"
    assert known.in_force == [known.find("terms")]


@pytest.mark.parametrize(
    "changed", [{"title": "Other"}, {"url": "https://acme.test/other"}, {"demand": Demand.OPTIONAL}]
)
def test_a_version_never_changes(changed: dict[str, str]) -> None:
    known = book(version("1"), version("2"))
    with pytest.raises(PolicyVersionPublished):
        known.publish("terms", Party.PERSON, version("1", **changed), now=NOW)  # type: ignore[arg-type]
    with pytest.raises(PolicyVersionPublished):
        known.publish("terms", Party.ORGANIZATION, version("3"), now=NOW)
    assert facts(known) == ["Published", "Published"]


def test_a_withdrawn_policy_is_not_asked_for_until_a_version_is_published() -> None:
    known = book(version("1"), version("2"))
    known.withdraw("terms", now=NOW)
    known.withdraw("terms", now=NOW)
    assert known.in_force == [] and facts(known)[2:] == ["Withdrawn"]
    known.publish("terms", Party.PERSON, version("1"), now=NOW)
    assert known.find("terms").current.version == "1" and len(known.find("terms").versions) == 2
    with pytest.raises(NotFound):
        known.withdraw("privacy", now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://acme.test"},
        {"url": "https://"},
        {"url": "https://a b.test"},
        {"url": "https://[1/"},
        {"title": ""},
    ],
)
def test_nonsense_is_not_published(wrong: dict[str, str]) -> None:
    known = book()
    with pytest.raises(InvalidRequest):
        known.publish("terms", Party.PERSON, version("1", **wrong), now=NOW)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        known.publish("Terms!", Party.PERSON, version("1"), now=NOW)
    assert facts(known) == []


def test_there_is_an_end_to_policies() -> None:
    known = book()
    for number in range(MOST_POLICIES):
        known.publish(f"p{number}", Party.PERSON, version(), now=NOW)
    with pytest.raises(Conflict):
        known.publish("one-more", Party.PERSON, version(), now=NOW)


# agreeing


def test_what_was_agreed_to_is_noted_once_and_only_as_it_was_shown() -> None:
    terms, given = book(version("1")).find("terms"), record()
    assert lacks(None, terms) and lacks(given, terms)
    given.give(terms, "1", user_id=ANN, now=NOW)
    given.give(terms, "1", user_id=ANN, now=NOW)
    assert given.pending_events[1:] == [ConsentRecord.Given(given.id, 2, NOW, "terms", "1", ANN, None)]
    assert not lacks(given, terms)


def test_a_new_version_is_outstanding_again_and_an_old_one_cannot_be_agreed_to_any_more() -> None:
    known, given, late = book(version("1")), record(), record()
    given.give(known.find("terms"), "1", user_id=ANN, now=NOW)
    known.publish("terms", Party.PERSON, version("2"), now=NOW)
    terms = known.find("terms")
    assert lacks(given, terms)
    given.give(terms, "1", user_id=ANN, now=NOW)  # a repeated request
    with pytest.raises(PolicyVersionSuperseded) as refused:
        late.give(terms, "1", user_id=ANN, now=NOW)
    assert refused.value.details == {"current": "2"}
    given.give(terms, "2", user_id=ANN, organization_id=ACME, now=NOW)
    assert facts(given) == ["Given", "Given"] and not lacks(given, terms)


def test_only_what_is_optional_can_be_taken_back_and_given_again() -> None:
    terms, news, given = book(version()).find("terms"), book(version("1", Demand.OPTIONAL)).find("terms"), record()
    assert not lacks(given, news)
    given.withdraw(terms, user_id=ANN, now=NOW)
    given.give(terms, "1", user_id=ANN, now=NOW)
    with pytest.raises(ConsentRequired):
        given.withdraw(terms, user_id=ANN, now=NOW)
    given.withdraw(news, user_id=ANN, now=NOW)
    given.withdraw(news, user_id=ANN, now=NOW)
    given.give(news, "1", user_id=ANN, now=NOW)
    assert facts(given) == ["Given", "Withdrawn", "Given"]


def test_a_policy_that_was_withdrawn_binds_nobody() -> None:
    known, given = book(version()), record()
    given.give(known.find("terms"), "1", user_id=ANN, now=NOW)
    known.withdraw("terms", now=NOW)
    given.withdraw(known.find("terms"), user_id=ANN, now=NOW)
    with pytest.raises(PolicyVersionSuperseded):
        given.give(known.find("terms"), "1", user_id=ANN, now=NOW)
    assert facts(given) == ["Given", "Withdrawn"]
