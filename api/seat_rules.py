"""Who may sit on a licence's seats: the members of its plan's groups, and the lists of those let in and left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from api.auth import Caller, require, services_of
from api.bodies import Body, Code, Line, text
from api.license_keys import visible_license
from api.parameters import known_parameters
from api.seats import Fingerprint
from application.seat_rules import MOST_MEMBERS, Member, People, Wanted
from domain.api_key import Scope
from domain.license import License

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["licenses"], dependencies=[Depends(known_parameters)])

UserName = text(255)
Digest = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]


class UserEntry(Body):
    """A user by name, or by the digest that the rules show."""

    name: UserName | None = None  # type: ignore[valid-type]
    digest: Digest | None = None

    @model_validator(mode="after")
    def _somebody(self) -> UserEntry:
        if self.name is None and self.digest is None:
            raise ValueError("give the name or the digest")
        return self

    @property
    def member(self) -> Member:
        return Member(self.name, self.digest, self.name)


class MachineEntry(Body):
    """A machine by its fingerprint, which is not kept, or by the digest that is shown of it; `name` is erasable."""

    fingerprint: Fingerprint | None = None
    digest: Digest | None = None
    name: Line | None = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _one(self) -> MachineEntry:
        if (self.fingerprint is None) == (self.digest is None):
            raise ValueError("give either the fingerprint or the digest")
        return self

    @property
    def member(self) -> Member:
        return Member(self.fingerprint, self.digest, self.name)


def _or_text(field: str) -> Any:
    """A plain text stands for an entry with this field."""
    return BeforeValidator(
        lambda told: {field: told} if isinstance(told, str) else told, json_schema_input_type=str | dict[str, Any]
    )


Users = Annotated[list[Annotated[UserEntry, _or_text("name")]], Field(max_length=MOST_MEMBERS)]
Machines = Annotated[list[Annotated[MachineEntry, _or_text("fingerprint")]], Field(max_length=MOST_MEMBERS)]


class MembersBody(Body):
    """Users (a text is a name) and machines (a text is a fingerprint)."""

    users: Users = []
    machines: Machines = []

    @property
    def people(self) -> People:
        return People([each.member for each in self.users], [each.member for each in self.machines])


class ListBody(MembersBody):
    groups: list[Code] = Field(default_factory=list, max_length=MOST_MEMBERS)  # type: ignore[valid-type]

    @property
    def people(self) -> People:
        return super().people._replace(groups=self.groups)


class RulesBody(Body):
    """All rules: what is left out is empty then. `reason` stays in the history for ever: no personal data."""

    groups: dict[Code, MembersBody] = {}  # type: ignore[valid-type]
    include: ListBody = ListBody()
    exclude: ListBody = ListBody()
    reason: Line  # type: ignore[valid-type]

    @property
    def wanted(self) -> Wanted:
        groups = {name: members.people for name, members in self.groups.items()}
        return Wanted(groups, self.include.people, self.exclude.people)


class MemberAnswer(BaseModel):
    digest: str
    name: str | None = Field(description="null: never told, or erased.")


class MembersAnswer(BaseModel):
    users: list[MemberAnswer]
    machines: list[MemberAnswer]


class ListAnswer(MembersAnswer):
    groups: list[str]


class RulesAnswer(BaseModel):
    """As they may be set again, with a reason."""

    groups: dict[str, MembersAnswer] = Field(description="Each group of the plan, and who is in it.")
    include: ListAnswer = Field(description="If anybody is listed, only those may sit.")
    exclude: ListAnswer = Field(description="They may not sit, whoever includes them.")


def license_to_rule(
    license_id: UUID, caller: Caller = require(Scope.LICENSES_WRITE), services: Services = Depends(services_of)
) -> License:
    """Dependency, so that whoever may not see the licence learns nothing from how the body is refused."""
    return visible_license(services, caller, license_id)


@router.get("/licenses/{license_id}/seat-rules")
def show_seat_rules(
    license_id: UUID, caller: Caller = require(Scope.LICENSES_READ), services: Services = Depends(services_of)
) -> RulesAnswer:
    """Who is in which group, who is let in, who is left out."""
    return rules_answer(services, visible_license(services, caller, license_id))


@router.put("/licenses/{license_id}/seat-rules")
def set_seat_rules(
    body: RulesBody, license: License = Depends(license_to_rule), services: Services = Depends(services_of)
) -> RulesAnswer:
    """These rules in place of those there are. They count from the next acquire on; who sits keeps the seat."""
    return rules_answer(services, services.seat_rules.set(license.id, body.wanted, reason=body.reason))


def rules_answer(services: Services, license: License) -> RulesAnswer:
    """The rules of a licence, with the names that are known."""
    rules, names = license.seat_rules, services.seat_rules.names(license.id)
    plan = license.terms.entitlements.seat_policy.groups
    groups = {**{group.name: () for group in plan}, **rules.members}
    return RulesAnswer(
        groups={group: MembersAnswer(**_members(members, names)) for group, members in groups.items()},
        include=ListAnswer(**_members(rules.include, names), groups=_of("group", rules.include)),
        exclude=ListAnswer(**_members(rules.exclude, names), groups=_of("group", rules.exclude)),
    )


def _members(listed: Iterable[str], names: Mapping[str, str]) -> dict[str, list[MemberAnswer]]:
    """By name, those without one last."""
    return {
        f"{kind}s": sorted(
            (MemberAnswer(digest=digest, name=names.get(f"{kind}:{digest}")) for digest in _of(kind, listed)),
            key=lambda each: (each.name is None, each.name, each.digest),
        )
        for kind in ("user", "machine")
    }


def _of(kind: str, listed: Iterable[str]) -> list[str]:
    return [name for what, _, name in (each.partition(":") for each in listed) if what == kind]
