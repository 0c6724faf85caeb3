"""Another e-mail address: asked for by the person, confirmed by the new mailbox, told to the old one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.attribution import attribution
from application.users import Link
from domain.errors import ConcurrentChange, EmailTaken, InvalidRequest, NotFound, SignatureInvalid
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.email_changes import EmailChange, EmailChanges
    from adapters.personal_data import PersonalData
    from adapters.tokens import Tokens
    from application.store import Store

CONFIRM_WITHIN = timedelta(days=1)
_LINK = "confirm-email"


class EmailAddresses:
    """Until it is confirmed, everything goes on with the old one."""

    def __init__(
        self,
        store: Store,
        people: PersonalData,
        changes: EmailChanges,
        tokens: Tokens,
        clock: Clock,
        *,
        public_url: str,
    ) -> None:
        self._store = store
        self._people = people
        self._changes = changes
        self._tokens = tokens
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def request(self, user_id: UUID, email: str) -> None:
        """Mails a link to the new address and a word to the old one. `EmailTaken`, `InvalidRequest`."""
        person = self._people.person(user_id)
        if person is None:
            raise NotFound.of("user", user_id)
        if email == person.email:
            raise InvalidRequest.field("email", "this is the address already")
        self._refuse_taken(email, user_id)
        change, now = self._clock.new_id(), self._clock.now()
        rows = [self._changes.put(user_id, change, email, person.email, now)]
        self._store.change(User, user_id, lambda user: user.request_email_change(change=change, now=now), rows=rows)

    def confirm(self, token: str) -> User:
        """By the link in the new mailbox. `SignatureInvalid` when it is not ours, too old, used, replaced by another
        one, or the password was changed since; `EmailTaken` when somebody else was faster."""
        claims = self._tokens.read(_LINK, token, now=self._clock.now())
        wanted = self._changes.find(UUID(claims["change"])) if claims else None
        if claims is None or wanted is None:
            raise SignatureInvalid("This link is incomplete or out of date; ask for the change again.")
        user, now = self._store.fetch(User, wanted.user_id), self._clock.now()
        attribution().actor = f"user:{user.id}"
        user.change_email(change=wanted.change_id, credential_version=claims["ver"], now=now)
        try:
            self._store.put(user, rows=self._people.change_email(user.id, wanted.email, now))
        except IntegrityError as conflict:
            self._refuse_taken(wanted.email, user.id)
            raise ConcurrentChange(retry_after=1) from conflict
        return user

    def link(self, change_id: UUID) -> tuple[EmailChange, Link] | None:
        """For the mails; None when the change was replaced, done, or is too old."""
        wanted, now = self._changes.find(change_id), self._clock.now()
        user = self._store.find(User, wanted.user_id) if wanted else None
        if wanted is None or user is None or user.erased or user.email_change != change_id:
            return None
        ends = wanted.asked_at + CONFIRM_WITHIN
        if ends <= now:
            return None
        claims = {"change": str(change_id), "ver": user.credential_version}
        token = self._tokens.sign(_LINK, claims, now=now, lifetime=ends - now)
        return wanted, Link(f"{self._public_url}/confirm-email?token={token}", ends)

    def changed(self, change_id: UUID) -> EmailChange | None:
        """From which address to which; None when it is forgotten."""
        return self._changes.find(change_id)

    def _refuse_taken(self, email: str, user_id: UUID) -> None:
        other = self._people.person_with(email)
        if other is not None and other.user_id != user_id:
            raise EmailTaken("There is already an account with this e-mail address.")
