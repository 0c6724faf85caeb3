"""Signing in by a link in a mail: good once, for a quarter of an hour, and known to the browser that asked for it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.attribution import attribution
from application.users import Link
from domain.errors import NotFound, SignatureInvalid
from domain.sign_in import LinkCause
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.passwords import Passwords
    from adapters.personal_data import PersonalData
    from adapters.tokens import Tokens
    from application.store import Store

OPEN_WITHIN = timedelta(minutes=15)
_LINK, _BROWSER = "sign-in-link", "sign-in-browser"


class SignInLinks:
    """Mails are sent by the dispatcher, from the facts recorded here."""

    def __init__(
        self,
        store: Store,
        people: PersonalData,
        passwords: Passwords,
        tokens: Tokens,
        clock: Clock,
        *,
        public_url: str,
    ) -> None:
        self._store = store
        self._people = people
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def new(self) -> tuple[UUID, str]:
        """The id of a link that may be sent, and what the browser that asks keeps to be known again. Both are the same
        whether the address is somebody's or not."""
        link = self._clock.new_id()
        return link, self._tokens.sign(_BROWSER, {"link": str(link)}, now=self._clock.now(), lifetime=OPEN_WITHIN)

    def send(self, email: str, link: UUID, cause: LinkCause) -> None:
        """Has it mailed if the address is somebody's; says nothing about whether it is."""
        person, now = self._people.person_with(email), self._clock.now()
        if person is not None:
            self._store.change(
                User, person.user_id, lambda user: user.send_sign_in_link(link=link, cause=cause, now=now)
            )

    def link(self, event: User.SignInLinkRequested) -> Link | None:
        """For the mail; None when it is too late for it."""
        user, now = self._store.fetch(User, event.originator_id), self._clock.now()
        ends = event.timestamp + OPEN_WITHIN
        if user.erased or event.link not in user.sign_in_links or ends <= now:
            return None
        claims = {"sub": str(user.id), "link": str(event.link)}
        token = self._tokens.sign(_LINK, claims, now=now, lifetime=ends - now)
        return Link(f"{self._public_url}/login-link?token={token}", ends)

    def is_of(self, token: str, browser_token: str | None) -> bool:
        """Whether this browser asked for the link. `SignatureInvalid` when it is not ours or too old."""
        link = self._claims(token)["link"]
        asked = self._tokens.read(_BROWSER, browser_token, now=self._clock.now()) if browser_token else None
        return asked is not None and asked["link"] == link

    def user_of(self, token: str) -> User:
        """Who is let in by it; it is not used up by that. `SignatureInvalid` when it is not ours or too old."""
        try:
            return self._store.fetch(User, UUID(self._claims(token)["sub"]))
        except NotFound:
            raise _invalid() from None

    def use(self, token: str) -> User:
        """Once. `SignatureInvalid` when it is not ours, too old or used; the mailbox is proven by it.

        Whoever registered an address that was not proven until now may be another than the mailbox's owner, and wait
        for this: the password of that time opens nothing any more.
        """
        claims, now = self._claims(token), self._clock.now()
        user_id, link = UUID(claims["sub"]), UUID(claims["link"])
        attribution().actor = f"user:{user_id}"
        rows = [self._people.mark_verified(user_id, now)]
        if not self.user_of(token).email_verified:
            rows.append(self._people.set_password(user_id, self._passwords.hash(secrets.token_urlsafe(32))))
        try:
            return self._store.change(User, user_id, lambda user: user.use_sign_in_link(link=link, now=now), rows=rows)
        except NotFound:
            raise _invalid() from None

    def _claims(self, token: str) -> dict[str, Any]:
        claims = self._tokens.read(_LINK, token, now=self._clock.now())
        if claims is None:
            raise _invalid()
        return claims


def _invalid() -> SignatureInvalid:
    return SignatureInvalid("This link is incomplete or out of date; ask for a new one.")
