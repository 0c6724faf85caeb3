"""Policies: what is to be agreed to, for everybody; publishing them, for the vendor (docs/data-rights.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from api.auth import ANYBODY, Caller, require, services_of
from api.bodies import Body, Code, Line, Moment, text
from api.paging import Listing, Page, page_of
from application.policies import Agreement, Signer
from domain.api_key import Scope
from domain.policy_book import LONGEST_URL, MOST_POLICIES, Demand, Party, Policy, PolicyVersion
from projections.consents import list_consents
from projections.positions import position_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services


router = APIRouter(tags=["policies"])


class PolicyAnswer(BaseModel):
    """A policy in the version that is asked for now."""

    policy: str
    version: str
    title: str
    url: str
    party: Party = Field(description="Who agrees: each person, or an owner for the organization.")
    demand: Demand = Field(description="Whether it is outstanding until it is agreed to, and needed to register.")


class PolicyList(BaseModel):
    data: list[PolicyAnswer]


class VersionAnswer(BaseModel):
    version: str
    title: str
    url: str
    demand: Demand


class PublishedAnswer(BaseModel):
    """`versions` the oldest first; the last one is asked for, unless the policy is withdrawn."""

    policy: str
    party: Party
    withdrawn: bool
    versions: list[VersionAnswer]


class PublishedList(BaseModel):
    data: list[PublishedAnswer]


class VersionBody(Body):
    title: Line
    url: text(LONGEST_URL) = Field(description="Where its text stays to be read; `https`.")  # type: ignore[valid-type]
    party: Party = Party.PERSON
    demand: Demand = Demand.REQUIRED


class AgreementBody(Body):
    policy: Code
    version: Code = Field(description="That was shown.")


class ConsentItem(BaseModel):
    policy: str
    version: str
    user_id: UUID = Field(description="Who agreed.")
    organization_id: UUID | None = Field(description="For which organization; null: for itself.")
    given_at: Moment
    withdrawn_at: Moment | None
    withdrawn_by: UUID | None


class ConsentListing(Listing):
    data: list[ConsentItem]


Consents = Annotated[
    Sequence[AgreementBody],
    Field(max_length=MOST_POLICIES, description="What was agreed to; what is missing is outstanding at log-in."),
]
OUTSTANDING: Any = Field(description="What is required and was not agreed to in its newest version.")


@router.get("/policies", dependencies=[ANYBODY])
def show_policies(services: Services = Depends(services_of)) -> PolicyList:
    """What is asked for now, required or not, to be shown before registering."""
    return PolicyList(data=[policy_answer(each) for each in services.policies.in_force()])


@router.get("/admin/policies", tags=["admin"], dependencies=[require(Scope.ADMIN)])
def list_policies(services: Services = Depends(services_of)) -> PublishedList:
    """Every policy with all its versions."""
    return PublishedList(data=[_published(each) for each in services.policies.known()])


@router.put("/admin/policies/{policy}/versions/{version}", tags=["admin"], dependencies=[require(Scope.ADMIN)])
def publish_policy(
    policy: Annotated[Code, Path()],
    version: Annotated[Code, Path()],
    body: VersionBody,
    services: Services = Depends(services_of),
) -> PublishedAnswer:
    """From now on this version is asked for. The same again changes nothing; 409 `policy_version_published` when it
    was published otherwise: a version never changes."""
    published = PolicyVersion(version, body.title, body.url, body.demand)
    return _published(services.policies.publish(policy, body.party, published))


@router.delete("/admin/policies/{policy}", status_code=204, tags=["admin"], dependencies=[require(Scope.ADMIN)])
def withdraw_policy(policy: Annotated[Code, Path()], services: Services = Depends(services_of)) -> None:
    """Nobody is asked for it any more; what was agreed to stays noted. Publishing a version brings it back."""
    services.policies.withdraw(policy)


@router.get("/admin/consents", tags=["admin"], dependencies=[require(Scope.ADMIN)])
def list_all_consents(
    policy: Code | None = None,
    version: Code | None = None,
    user_id: UUID | None = None,
    organization_id: UUID | None = None,
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> ConsentListing:
    """Who agreed to what, newest first."""
    asked = {"policy": policy, "version": version, "user_id": user_id, "organization_id": organization_id}
    return consent_listing(services, page, **asked)


def consent_listing(services: Services, page: Page, **asked: Any) -> ConsentListing:
    with services.database.connection() as connection:
        position = position_of(connection, "consents")
        found = list_consents(connection, **asked, after=page.after_number, limit=page.take)
    shown = page.answer(found, cursor=lambda row: (row["position"],), show=_consent, position=position)
    return ConsentListing(**shown)


def policy_answer(policy: Policy) -> PolicyAnswer:
    now = policy.current
    return PolicyAnswer(
        policy=policy.code, version=now.version, title=now.title, url=now.url, party=policy.party, demand=now.demand
    )


def outstanding_of(services: Services, signer: Signer) -> list[PolicyAnswer]:
    return [policy_answer(each) for each in services.policies.outstanding(signer)]


def signer_of(caller: Caller) -> Signer:
    """The person who calls."""
    assert caller.user_id is not None  # the rule let a person in
    return Signer(caller.user_id, caller.organization_id, caller.role)


def agreed_in(consents: Sequence[AgreementBody]) -> list[Agreement]:
    return [Agreement(each.policy, each.version) for each in consents]


def _published(policy: Policy) -> PublishedAnswer:
    versions = [
        VersionAnswer(version=each.version, title=each.title, url=each.url, demand=each.demand)
        for each in policy.versions
    ]
    return PublishedAnswer(policy=policy.code, party=policy.party, withdrawn=policy.withdrawn, versions=versions)


def _consent(row: dict[str, Any]) -> ConsentItem:
    return ConsentItem(**{name: row[name] for name in ConsentItem.model_fields})
