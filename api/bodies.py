"""The types of requests (nothing unknown, nothing without a bound, no control characters) and of times in answers."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Body(BaseModel):
    """Base of request bodies: an unknown field is refused rather than forgotten."""

    model_config = ConfigDict(extra="forbid")


def _without_control_characters(text: str) -> str:
    if any(unicodedata.category(char) in _CONTROL for char in text):
        raise ValueError("must not contain control characters")
    return text


def _encodable(text: str) -> str:
    """A password may be anything that is a text at all; half a surrogate pair is not."""
    if any(unicodedata.category(char) == "Cs" for char in text):
        raise ValueError("must be valid Unicode")
    return text


def _email(text: str) -> str:
    """One spelling of an address: the domain in lower case. `.test` names are let in, for sandboxes."""
    try:
        return validate_email(
            text, check_deliverability=False, test_environment=True, allow_smtputf8=False, allow_quoted_local=False
        ).normalized
    except EmailNotValidError:
        raise ValueError("is not an e-mail address") from None


def text(longest: int, *, shortest: int = 1) -> type[str]:
    """A line of text, trimmed, of so many characters."""
    return Annotated[  # type: ignore[return-value]
        str,
        StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest),
        AfterValidator(_without_control_characters),
    ]


Line = text(200)
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    AfterValidator(_without_control_characters),
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email"}),
]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024), AfterValidator(_encodable)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[A-Za-z0-9_.\-]+$")]
FactorCode = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=6, max_length=32, pattern=r"^[A-Za-z0-9 -]+$")
]
"""Of an authenticator app, or for recovery."""
Search = text(100)
Code = text(64)
Moment = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A time in an answer: always in UTC, with `Z`."""


def _in_utc(moment: datetime) -> datetime:
    """The first and the last day of the calendar can be beyond it elsewhere."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar") from None


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time in a request, with its offset from UTC."""
