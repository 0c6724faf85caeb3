"""First answers to requests with an Idempotency-Key, kept sealed for 24 hours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database
from adapters.secrets import SealBroken, Secrets
from domain.errors import Conflict, IdempotencyMismatch, RequestInProgress

KEPT_FOR = timedelta(hours=24)
LOST_AFTER = timedelta(minutes=1)
"""A claim without an answer after this time belonged to a process that died; the next request takes over."""


class Question(NamedTuple):
    """Who asks what: the caller (`user:<id>`), the route (`POST /api/v1/…`), its key, and the body's digest."""

    caller: str
    route: str
    key: str
    request: str

    @property
    def place(self) -> tuple[str, str, str]:
        return self.caller, self.route, self.key


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class StoredAnswers:
    """The only writer of `stored_answers`."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets

    def question(self, *, caller: str, route: str, key: str, request: str) -> Question:
        return Question(caller, route, key, request)

    def claim(self, question: Question, claim: UUID, *, now: datetime) -> Answer | None:
        """The first answer; or None, when nobody asked before: then `keep` or `release` the claim.

        `IdempotencyMismatch` when the key came with another body, `RequestInProgress` while the first is at work.
        """
        taken = self._database.fetch_one(
            "insert into stored_answers (caller, route, key, request, claim, claimed_at, expires_at)"
            " values (%(caller)s, %(route)s, %(key)s, %(request)s, %(claim)s, %(now)s, %(until)s)"
            " on conflict (caller, route, key) do update set request = excluded.request, claim = excluded.claim,"
            " status = null, sealed = null, claimed_at = excluded.claimed_at, expires_at = excluded.expires_at"
            " where stored_answers.expires_at <= %(now)s or (stored_answers.status is null"
            " and stored_answers.request = %(request)s and stored_answers.claimed_at <= %(lost)s)"
            " returning claim",
            {**question._asdict(), "claim": claim, "now": now, "until": now + KEPT_FOR, "lost": now - LOST_AFTER},
        )
        return None if taken else self._first_answer(question)

    def keep(self, question: Question, claim: UUID, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Stores the first answer, unless another request has taken the claim over."""
        plain = json.dumps({"headers": dict(headers), "body": body.decode("latin-1")}).encode()
        self._database.execute(
            "update stored_answers set status = %s, sealed = %s"
            " where caller = %s and route = %s and key = %s and claim = %s",
            (status, self._seal(question, plain), *question.place, claim),
        )

    def release(self, question: Question, claim: UUID) -> None:
        """The request was refused and did nothing: the key may be used again, with a better body too."""
        self._database.execute(
            "delete from stored_answers where caller = %s and route = %s and key = %s and claim = %s",
            (*question.place, claim),
        )

    def _first_answer(self, question: Question) -> Answer:
        found = self._database.fetch_one(
            "select request, status, sealed from stored_answers where caller = %s and route = %s and key = %s",
            question.place,
        )
        if found is None:  # released between the two statements
            raise RequestInProgress(retry_after=1)
        if found["request"] != question.request:
            raise IdempotencyMismatch()
        if found["status"] is None:
            raise RequestInProgress(retry_after=1)
        opened = json.loads(self._unseal(question, found["sealed"]))
        return Answer(found["status"], opened["headers"], opened["body"].encode("latin-1"))

    def _seal(self, question: Question, plain: bytes) -> bytes:
        return self._secrets.seal(plain, purpose="stored-answers", bound_to=" ".join(question.place))

    def _unseal(self, question: Question, sealed: bytes) -> bytes:
        try:
            return self._secrets.unseal(sealed, purpose="stored-answers", bound_to=" ".join(question.place))
        except SealBroken as error:
            raise Conflict("The first answer can no longer be read; the request was done. Use a new key.") from error
