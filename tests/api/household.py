"""What the tests of members share: people who are invited and join, and the mails they get."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from application.reactions import errands_of
from domain.ids import message_id
from tests.api.conftest import Member
from tests.api.people_engine import Client

PASSWORD = "a long and windy road"
CAT = "cat@example.test"


def mails(services, to: str) -> list[Any]:
    """Runs every errand that facts have caused so far; answers the mails to an address, oldest first."""
    for stored in services.store.recorder.select_notifications(None, 10_000):
        event: Any = services.codec.to_domain_event(stored)
        for task in errands_of(event):
            id = message_id(event.originator_id, event.originator_version, task)
            row = services.outbox.put(id, task, event.originator_id, event.originator_version)
            services.database.execute(*row)
            services.errands.run(id)
    return list(reversed(services.mailer.caught(to=to)))


def members_of(organization: Member) -> str:
    return f"/organizations/{organization.organization_id}/members"


def invited(by: Member, email: str = CAT, role: str = "developer") -> dict[str, Any]:
    answer = by.client.post(members_of(by), json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return answer.json()


def token_of(services, invitation: dict[str, Any]) -> str:
    link = services.invitations.link(UUID(invitation["id"]))
    assert link is not None
    return parse_qs(urlsplit(link.url).query)["token"][0]


def logged_in(client: Client, email: str, **wanted: str) -> dict[str, Any]:
    answer = client.post("/auth/login", json={"email": email, "password": PASSWORD, **wanted})
    assert answer.status_code == 200, answer.text
    return answer.json()


def joined(services, client: Client, owner: Member, role: str = "developer", email: str = CAT) -> Member:
    """A new person who came by an invitation, logged in there."""
    token = token_of(services, invited(owner, email, role))
    body = {"token": token, "password": PASSWORD, "full_name": "Cat"}
    assert client.post("/invitations/register", json=body).status_code == 201
    return Member(owner.organization_id, client.as_(logged_in(client, email)["access_token"]))


def id_of(person: Member) -> str:
    return person.client.get("/me").json()["user_id"]


def prove(services, person: Member) -> str:
    """Confirms the person's address."""
    user_id = UUID(id_of(person))
    token = parse_qs(urlsplit(services.users.verification_link(user_id).url).query)["token"][0]
    services.users.verify_email(token)
    return str(user_id)


def recalls(services, person: Member, user_id: str) -> bool:
    return services.memberships.recall_role(person.organization_id, UUID(user_id), otherwise=None) is not None


def wait_for(is_so: Any) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come about in ten seconds")
