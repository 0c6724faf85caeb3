"""An invitation to an organization."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.role import Role


@dataclass(frozen=True)
class Invitation:
    """A role that is offered to somebody until `expires_at`; to whom stays out of the log."""

    role: Role
    expires_at: datetime
