"""How usage and limits say no; the whole tree of refusals is drawn in errors.py."""

from __future__ import annotations

from domain.errors import Conflict, UsherError


class UsageMismatch(Conflict):
    code = "usage_mismatch"
    sentence = "A usage record of this id is known with other content; nothing was taken in."


class QuotaExceeded(UsherError):
    code = "quota_exceeded"
    sentence = "This is more than the plan allows; wait for the next period or upgrade."
