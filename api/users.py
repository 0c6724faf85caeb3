"""People: registering, and what a person may do with its own account."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.access import of_member
from api.auth import ANYBODY, PERSON, Caller, address_of, let_in, opened_by, require, services_of
from api.bodies import Body, Code, Email, Line, Moment, Password, Search, Token
from api.idempotency import RepeatableRoute
from api.limits import Limit, admit
from api.mails import spoken
from api.pages import verified_page, wants_page
from api.paging import Listing, Page, page_of
from api.policies import OUTSTANDING, Consents, PolicyAnswer, agreed_in, outstanding_of, signer_of
from domain.api_key import Scope
from domain.errors import NotAuthenticated, NotFound
from domain.role import Role

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.organizations import Contact, Membership
    from application.users import Person, Profile

registration = APIRouter(tags=["people"], route_class=RepeatableRoute)
router = APIRouter(tags=["people"])

_REGISTER = Limit("register", 30, timedelta(minutes=1))


class RegisterBody(Body):
    email: Email
    password: Password
    full_name: Line
    company_name: Line
    consents: Consents = ()


class ProfileBody(Body):
    full_name: Line | None = None
    company_name: Line | None = None
    language: Code | None = Field(None, description="Of mails, e.g. `de`.")


class RegistrationAnswer(BaseModel):
    user_id: UUID
    organization_id: UUID


class VerifiedAnswer(BaseModel):
    user_id: UUID
    email_verified: bool


class PersonAnswer(BaseModel):
    user_id: UUID
    email: str
    email_verified: bool
    full_name: str
    registered_at: Moment


class MeAnswer(PersonAnswer):
    """`organization_id` is the one that the access token speaks for; null for a member of none."""

    organization_id: UUID | None
    role: Role | None
    company_name: str | None
    language: str | None = Field(description="Of mails; null: as the vendor writes to everybody.")
    outstanding_policies: list[PolicyAnswer] = OUTSTANDING


class UserStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"


class UserItem(PersonAnswer):
    organization_id: UUID | None = Field(description="Registered with the person; null for one who was invited.")
    status: UserStatus


class UserListing(Listing):
    data: list[UserItem]


class MembershipAnswer(BaseModel):
    organization_id: UUID
    name: str | None
    role: Role
    joined_at: Moment


@registration.post("/auth/register", status_code=201, dependencies=[ANYBODY])
def register(body: RegisterBody, request: Request, services: Services = Depends(services_of)) -> RegistrationAnswer:
    """Makes an account and its organization, and mails a link that proves the address. 409 `consent_required` when a
    policy is missing without which the vendor lets nobody register."""
    admit(services, _REGISTER, address_of(request))
    made = services.users.register(**body.model_dump(exclude={"consents"}), agreed=agreed_in(body.consents))
    return RegistrationAnswer(user_id=made.user_id, organization_id=made.organization_id)


@router.get(
    "/auth/verify-email",
    responses={200: {"model": VerifiedAnswer, "content": {"text/html": {}}}},
    dependencies=[opened_by("link of a mail")],
)
def verify_email(
    token: Annotated[Token, Query()], request: Request, services: Services = Depends(services_of)
) -> Response:
    """The link of the first mail. Opening it again changes nothing."""
    if wants_page(request):
        return verified_page(services, token)
    user = services.users.verify_email(token)
    answer = VerifiedAnswer(user_id=user.id, email_verified=user.email_verified)
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/me")
def show_me(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> MeAnswer:
    """The person who is logged in, and for which organization."""
    return _me(services, caller)


@router.patch("/me")
def rename_me(
    body: ProfileBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> MeAnswer:
    """Changes the name, the language of mails, or the company's name (as `PATCH /organizations/{id}`, for those who
    may); what is left out stays."""
    profile_of(services, caller)
    if body.company_name is not None:
        of_member(Scope.ORGANIZATION_WRITE).check(caller)
    if body.language is not None:
        services.users.choose_language(_id(caller), spoken(services, body.language))
    services.users.rename(
        _id(caller),
        full_name=body.full_name,
        organization_id=caller.organization_id,
        company_name=body.company_name,
    )
    return _me(services, caller)


@router.get("/admin/users", tags=["admin"], dependencies=[require(Scope.ADMIN)])
def list_users(
    status: UserStatus | None = None,
    q: Search | None = Query(None, description="A part of the address, the name or the company's name."),
    organization_id: UUID | None = None,
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> UserListing:
    """Everybody who is registered, in the order of registration. `pending`: the address is not proven yet."""
    verified = None if status is None else status is UserStatus.ACTIVE
    position = services.store.recorder.max_notification_id() or 0
    found = services.users.people(
        organization_id=organization_id, verified=verified, search=q, after=page.after_time_and_id, limit=page.take
    )
    return UserListing(
        **page.answer(found, cursor=lambda one: (one.registered_at, one.user_id), show=_item, position=position)
    )


@router.delete(
    "/admin/users/{user_id}/second-factor", status_code=204, tags=["admin"], dependencies=[require(Scope.ADMIN)]
)
def take_second_factor_off(user_id: UUID, services: Services = Depends(services_of)) -> None:
    """For a person who has lost the app and the recovery codes, once you know who asks. From now on no code is asked
    for; the person is told by mail. Again: no effect."""
    services.second_factors.remove(user_id)


def membership_answer(joined: tuple[Membership, Contact | None]) -> MembershipAnswer:
    membership, contact = joined
    return MembershipAnswer(**membership._asdict(), name=contact.company_name if contact else None)


def profile_of(services: Services, caller: Caller) -> Profile:
    """`NotAuthenticated` for whoever was erased: the access token of a member of nothing is good for some minutes more,
    but it is nobody's."""
    try:
        return services.users.profile(_id(caller))
    except NotFound:
        raise NotAuthenticated("This account does not exist any more.") from None


def _id(caller: Caller) -> UUID:
    assert caller.user_id is not None  # PERSON let it in
    return caller.user_id


def _me(services: Services, caller: Caller) -> MeAnswer:
    organization_id = caller.organization_id
    contact = services.organizations.contact(organization_id) if organization_id else None
    profile = profile_of(services, caller)
    return MeAnswer(
        **_facts(profile.person),
        organization_id=organization_id,
        role=caller.role,
        company_name=contact.company_name if contact else None,
        language=profile.user.language,
        outstanding_policies=outstanding_of(services, signer_of(caller)),
    )


def _item(person: Person) -> UserItem:
    status = UserStatus.ACTIVE if person.email_verified_at else UserStatus.PENDING
    return UserItem(**_facts(person), organization_id=person.organization_id, status=status)


def _facts(person: Person) -> dict[str, Any]:
    return {
        "user_id": person.user_id,
        "email": person.email,
        "email_verified": person.email_verified_at is not None,
        "full_name": person.full_name,
        "registered_at": person.registered_at,
    }
