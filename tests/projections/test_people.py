from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from domain.organization import Organization
from domain.user import User
from projections.people import list_organizations, list_users
from tests.projections.followed import ACME, GLOBEX, NOW, Followed


def person(followed: Followed, email: str, organization_id: UUID = ACME, company: str = "Acme 100%") -> User:
    user = User.register(id=uuid4(), organization_id=organization_id, now=NOW)
    followed.store.add(
        user,
        rows=[
            (
                "insert into people (user_id, organization_id, email, full_name, password_hash, registered_at)"
                " values (%s, %s, %s, 'Ada', '', %s)",
                (user.id, organization_id, email, NOW),
            ),
            (
                "insert into organization_contacts values (%s, %s, 'Ada', %s, %s) on conflict do nothing",
                (organization_id, email, company, NOW),
            ),
        ],
    )
    return user


def users(followed: Followed, **asked) -> list[UUID]:
    followed.follow()
    return [row["user_id"] for row in list_users(followed.connection, limit=9, **asked)]


def test_a_person_goes_from_registered_to_verified_to_erased(followed):
    user = person(followed, "ada@acme.example")
    assert users(followed, status="registered") == [user.id]
    followed.store.change(User, user.id, lambda each: each.verify_email(now=NOW))
    assert users(followed, status="verified") == [user.id]
    erase = [("delete from people where user_id = %s", (user.id,))]
    followed.store.change(User, user.id, lambda each: each.erase(now=NOW), rows=erase)
    assert users(followed, status="erased") == [user.id]
    (row,) = list_users(followed.connection, limit=9)
    assert (row["email"], row["full_name"], row["verified_at"], row["erased_at"]) == (None, None, NOW, NOW)


def test_nothing_that_says_who_somebody_is_gets_into_the_tables(followed):
    person(followed, "ada@acme.example")
    followed.follow()
    assert "acme.example" not in str(
        followed.fetch("select * from users") + followed.fetch("select * from organizations")
    )


@pytest.mark.parametrize("q", ["ADA@", "acme 100%", "100%"])
def test_a_person_is_found_by_a_part_of_address_or_company(followed, q):
    user = person(followed, "ada@acme.example")
    person(followed, "bob@globex.example", GLOBEX, "Globex 1000")
    assert users(followed, q=q) == [user.id]


@pytest.mark.parametrize("q", ["%", "_", "\\"])
def test_signs_that_mean_something_to_a_pattern_mean_themselves(followed, q):
    person(followed, "bob@globex.example", GLOBEX, "Globex")
    assert users(followed, q=q) == []


def test_people_of_one_organization_come_newest_first_in_pages(followed):
    ours = [person(followed, f"{n}@acme.example").id for n in range(3)]
    person(followed, "bob@globex.example", GLOBEX)
    followed.follow()
    first = list_users(followed.connection, limit=2, organization_id=ACME)
    assert [row["user_id"] for row in first] == ours[:0:-1]
    assert users(followed, organization_id=ACME, after=first[-1]["position"]) == ours[:1]


def test_an_organization_made_from_a_customer_disappears_when_it_is_merged(followed):
    followed.store.add(Organization.register(id=ACME, now=NOW))
    followed.store.add(Organization.adopt(id=GLOBEX, provider="stripe", customer="cus_1", now=NOW))
    followed.follow()
    rows = list_organizations(followed.connection, limit=9)
    assert [(row["organization_id"], row["origin"]) for row in rows] == [(GLOBEX, "customer"), (ACME, "registered")]
    followed.store.change(Organization, GLOBEX, lambda each: each.merge(into=ACME, now=NOW))
    followed.follow()
    assert [row["organization_id"] for row in list_organizations(followed.connection, limit=9)] == [ACME]


def test_an_organization_is_found_by_its_company(followed):
    for id in (ACME, GLOBEX):
        followed.store.add(Organization.register(id=id, now=NOW))
    person(followed, "ada@acme.example")
    followed.follow()
    assert [row["organization_id"] for row in list_organizations(followed.connection, limit=9, q="acme 1")] == [ACME]
