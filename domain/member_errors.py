"""How an organization says no about its members; the whole tree of refusals is drawn in errors.py."""

from __future__ import annotations

from domain.errors import Conflict


class AlreadyMember(Conflict):
    code = "already_member"
    sentence = "This person is a member of the organization already."


class LastOwner(Conflict):
    code = "last_owner"
    sentence = "The organization would be left without an owner; make another member its owner first."


class TooManyMembers(Conflict):
    code = "too_many_members"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"This organization has {limit} members and open invitations, as many as it may.", details={"limit": limit}
        )


class SubscriptionsRunning(Conflict):
    """`details.subscriptions` are their ids."""

    code = "subscriptions_running"
    sentence = (
        "You are the only member of an organization whose subscriptions are running; cancel them first,"
        " or make somebody else the owner."
    )
