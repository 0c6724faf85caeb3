"""Names, addresses and password hashes, in two tables from which a person can be erased.

Writing is by rows: statements that the store runs in the transaction of the event they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row


class Person(NamedTuple):
    """A row of `people`; `organization_id` is the one that was registered with the person, if one was."""

    user_id: UUID
    organization_id: UUID | None
    email: str
    full_name: str
    password_hash: str
    registered_at: datetime
    email_verified_at: datetime | None


class Contact(NamedTuple):
    """Whom to write to about an organization; a provider's customer may lack any of it."""

    organization_id: UUID
    email: str | None
    name: str | None
    company_name: str | None
    since: datetime


_PERSON, _CONTACT = ", ".join(Person._fields), ", ".join(Contact._fields)


class PersonalData:
    """The only writer of `people` and `organization_contacts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # people

    def person(self, user_id: UUID) -> Person | None:
        found = self._database.fetch_one(f"select {_PERSON} from people where user_id = %s", (user_id,))
        return Person(**found) if found else None

    def person_with(self, email: str) -> Person | None:
        """Whose address it is, whatever the case of its letters."""
        found = self._database.fetch_one(f"select {_PERSON} from people where lower(email) = lower(%s)", (email,))
        return Person(**found) if found else None

    def people(
        self,
        *,
        organization_id: UUID | None = None,
        verified: bool | None = None,
        search: str | None = None,
        after: tuple[datetime, UUID] | None = None,
        limit: int,
    ) -> Sequence[Person]:
        """In the order of registration; `organization_id` narrows to its members. `search` is a part of the address,
        the name or the name of the company that was registered with the person."""
        found = self._database.fetch_all(
            f"select {_PERSON} from people p"
            " left join (select organization_id, company_name from organization_contacts) c using (organization_id)"
            " where (%(organization)s::uuid is null or p.user_id in"
            " (select user_id from memberships where organization_id = %(organization)s))"
            " and (%(verified)s::boolean is null or (p.email_verified_at is not null) = %(verified)s)"
            " and (%(search)s::text is null or concat_ws(' ', p.email, p.full_name, c.company_name) ilike %(search)s)"
            " and (%(at)s::timestamptz is null or (p.registered_at, p.user_id) > (%(at)s, %(id)s))"
            " order by p.registered_at, p.user_id limit %(limit)s",
            {
                "organization": organization_id,
                "verified": verified,
                "search": _containing(search),
                "at": after[0] if after else None,
                "id": after[1] if after else None,
                "limit": limit,
            },
        )
        return [Person(**row) for row in found]

    def register(
        self,
        user_id: UUID,
        organization_id: UUID | None,
        *,
        email: str,
        full_name: str,
        password_hash: str,
        now: datetime,
    ) -> Row:
        """A new person; the transaction fails on an address that is taken."""
        return (
            "insert into people (user_id, organization_id, email, full_name, password_hash, registered_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            (user_id, organization_id, email, full_name, password_hash, now),
        )

    def mark_verified(self, user_id: UUID, now: datetime) -> Row:
        sql = "update people set email_verified_at = coalesce(email_verified_at, %s) where user_id = %s"
        return sql, (now, user_id)

    def set_password(self, user_id: UUID, password_hash: str) -> Row:
        return "update people set password_hash = %s where user_id = %s", (password_hash, user_id)

    def change_email(self, user_id: UUID, email: str, now: datetime) -> list[Row]:
        """A proven one; the transaction fails when it is taken. Where the person is whom to write to, it is by the new
        one from now on."""
        contact = (
            "update organization_contacts c set email = %s from people p, memberships m"
            " where p.user_id = %s and m.user_id = p.user_id and c.organization_id = m.organization_id"
            " and lower(c.email) = lower(p.email)"
        )
        person = "update people set email = %s, email_verified_at = %s where user_id = %s"
        return [(contact, (email, user_id)), (person, (email, now, user_id))]

    def rename(self, user_id: UUID, full_name: str) -> Row:
        return "update people set full_name = %s where user_id = %s", (full_name, user_id)

    def erase(self, user_id: UUID) -> Row:
        return "delete from people where user_id = %s", (user_id,)

    # organizations

    def contact(self, organization_id: UUID) -> Contact | None:
        sql = f"select {_CONTACT} from organization_contacts where organization_id = %s"
        found = self._database.fetch_one(sql, (organization_id,))
        return Contact(**found) if found else None

    def contacts_of(self, organization_ids: Sequence[UUID]) -> dict[UUID, Contact]:
        """By organization, of those that have one."""
        sql = f"select {_CONTACT} from organization_contacts where organization_id = any(%s)"
        found = self._database.fetch_all(sql, (list(organization_ids),))
        return {row["organization_id"]: Contact(**row) for row in found}

    def contacts(
        self, *, search: str | None = None, after: tuple[datetime, UUID] | None = None, limit: int
    ) -> Sequence[Contact]:
        """In the order they became known. `search` is a part of the address, the name or the company's name."""
        found = self._database.fetch_all(
            f"select {_CONTACT} from organization_contacts"
            " where (%(search)s::text is null or concat_ws(' ', email, name, company_name) ilike %(search)s)"
            " and (%(at)s::timestamptz is null or (since, organization_id) > (%(at)s, %(id)s))"
            " order by since, organization_id limit %(limit)s",
            {
                "search": _containing(search),
                "at": after[0] if after else None,
                "id": after[1] if after else None,
                "limit": limit,
            },
        )
        return [Contact(**row) for row in found]

    def organizations_with(self, email: str) -> list[UUID]:
        """Whose contact has this address."""
        found = self._database.fetch_all(
            "select organization_id from organization_contacts where lower(email) = lower(%s)", (email,)
        )
        return [row["organization_id"] for row in found]

    def introduce(
        self,
        organization_id: UUID,
        *,
        email: str | None,
        name: str | None,
        company_name: str | None = None,
        now: datetime,
    ) -> Row:
        """The first contact of an organization; one that is known stays as it is, and one that was erased erased."""
        return (
            "insert into organization_contacts (organization_id, email, name, company_name, since)"
            " select %s, %s, %s, %s, %s where not exists"
            " (select from deletions where subject_id = %s and state in ('erasing', 'done'))"
            " on conflict (organization_id) do nothing",
            (organization_id, email, name, company_name, now, organization_id),
        )

    def update_contact(
        self,
        organization_id: UUID,
        *,
        email: str | None = None,
        name: str | None = None,
        company_name: str | None = None,
    ) -> Row:
        """What is given replaces what was known; None leaves it."""
        return (
            "update organization_contacts set email = coalesce(%s, email), name = coalesce(%s, name),"
            " company_name = coalesce(%s, company_name) where organization_id = %s",
            (email, name, company_name, organization_id),
        )

    @staticmethod
    def set_contact(organization_id: UUID, user_id: UUID) -> Row:
        """Whom to write to is this person from now on; the company's name stays."""
        return (
            "update organization_contacts c set email = p.email, name = p.full_name from people p"
            " where c.organization_id = %s and p.user_id = %s",
            (organization_id, user_id),
        )

    @staticmethod
    def pass_contact_on(organization_id: UUID, former: UUID, heir: UUID) -> Row:
        """If `former` is whom to write to, it is `heir` from now on. An address that is neither's stays: the provider's
        customer has it."""
        return (
            "update organization_contacts c set email = heir.email, name = heir.full_name"
            " from people former, people heir where c.organization_id = %s"
            " and former.user_id = %s and lower(c.email) = lower(former.email) and heir.user_id = %s",
            (organization_id, former, heir),
        )

    @staticmethod
    def rename_contact(user_id: UUID, name: str) -> Row:
        """Wherever this person is whom to write to."""
        return (
            "update organization_contacts c set name = %s from people p, memberships m"
            " where p.user_id = %s and m.user_id = p.user_id and c.organization_id = m.organization_id"
            " and lower(c.email) = lower(p.email)",
            (name, user_id),
        )

    @staticmethod
    def forget_contact(organization_id: UUID) -> Row:
        return "delete from organization_contacts where organization_id = %s", (organization_id,)


def _containing(search: str | None) -> str | None:
    """A LIKE pattern; the user's own % and _ mean themselves."""
    if not search:
        return None
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
