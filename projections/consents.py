"""Who agreed to which version of a policy when, and took it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from domain.consent_record import ConsentRecord
from projections.listing import Row, page
from projections.log import Recorded
from projections.read_model import OWN, Handler, ReadModel, Statement, insert


def _given(recorded: Recorded) -> Iterable[Statement]:
    given: ConsentRecord.Given = recorded.event
    yield insert(
        "consents",
        position=recorded.position,
        record_id=recorded.stream_id,
        policy=given.policy,
        version=given.version,
        user_id=given.user_id,
        organization_id=given.organization_id,
        given_at=given.timestamp,
    )


def _withdrawn(recorded: Recorded) -> Iterable[Statement]:
    """What was given to earlier versions ends with it: it was the same consent."""
    withdrawn: ConsentRecord.Withdrawn = recorded.event
    yield (
        "update consents set withdrawn_at = %s, withdrawn_by = %s"
        " where record_id = %s and policy = %s and withdrawn_at is null",
        (withdrawn.timestamp, withdrawn.user_id, recorded.stream_id, withdrawn.policy),
    )


class ConsentHistory(ReadModel):
    """What somebody agreed to for itself is nobody else's to see, whichever organization it acts for."""

    name = "consents"
    tables = ("consents",)
    ddl = """
        create table consents (
            position        bigint primary key,
            record_id       uuid        not null,
            policy          text        not null,
            version         text        not null,
            user_id         uuid        not null,   -- who agreed
            organization_id uuid,                   -- for which organization; null: for itself
            given_at        timestamptz not null,
            withdrawn_at    timestamptz,
            withdrawn_by    uuid
        );
        create index consents_of_record on consents (record_id, policy);
        create index consents_of_person on consents (user_id, position);
        create index consents_of_organization on consents (organization_id, position);
        create index consents_of_policy on consents (policy, version, position);
    """
    tenants_see: ClassVar[Mapping[str, str]] = {"consents": OWN}
    handlers: ClassVar[dict[type[Any], Handler]] = {ConsentRecord.Given: _given, ConsentRecord.Withdrawn: _withdrawn}


def list_consents(
    connection: psycopg.Connection[Any],
    *,
    limit: int,
    after: int | None = None,
    policy: str | None = None,
    version: str | None = None,
    user_id: UUID | None = None,
    organization_id: UUID | None = None,
    person: UUID | None = None,
    acting_for: UUID | None = None,
) -> list[Row]:
    """Newest first, from below the position `after`. `user_id` is who agreed, for itself or an organization; `person`
    asks for what it agreed to for itself, and for what anybody did for the organization that it acts for."""
    conditions = [
        ("policy", "policy = %(policy)s", policy),
        ("version", "version = %(version)s", version),
        ("user_id", "user_id = %(user_id)s", user_id),
        ("organization_id", "organization_id = %(organization_id)s", organization_id),
        ("person", "user_id = %(person)s and organization_id is null or organization_id = %(acting_for)s", person),
        ("after", "position < %(after)s", after),
    ]
    asking = {"acting_for": acting_for}
    return page(connection, "select * from consents", conditions, order="position desc", limit=limit, params=asking)
