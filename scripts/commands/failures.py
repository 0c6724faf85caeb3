"""What may go wrong without being a fault of ours, each as a sentence that a person can act on."""

from __future__ import annotations

from typing import Any

import psycopg
import redis

from adapters.embedded import EmbeddedFailed
from adapters.environment import SettingsInvalid
from adapters.migrate import SchemaTooNew
from domain.errors import Unavailable, UsherError
from projections.building import UnderWay
from scripts.commands.engine import NoEngine
from scripts.processes import NotMigrated
from scripts.supervisor import CannotStart

_OURS = (NoEngine, NotMigrated, CannotStart, EmbeddedFailed, UnderWay)


def explained(error: Exception) -> dict[str, Any] | None:
    """`{"code", "message", "details"?}` of an expected failure; None when it is a fault."""
    match error:
        case SettingsInvalid():
            return _failure("settings_invalid", "\n".join(error.problems))
        case SchemaTooNew():
            return _failure("schema_too_new", f"{error} Start the newer Usher, or go back to a backup of before.")
        case Unavailable() if error.__cause__ is not None:
            return _failure("unavailable", "Postgres or Redis does not answer: see `usher doctor`.")
        case UsherError():
            return _failure(error.code, _sentences(error), error.details)
        case psycopg.errors.InsufficientPrivilege():
            return _failure("not_permitted", str(error).partition("\n")[0])
        case psycopg.OperationalError():
            return _failure("unavailable", "Postgres does not answer: see `usher doctor`.")
        case redis.RedisError():
            return _failure("unavailable", "Redis does not answer: see `usher doctor`.")
        case _ if isinstance(error, _OURS):
            return _failure("failed", str(error))
        case FileNotFoundError() | PermissionError() | IsADirectoryError() if error.filename:
            return _failure("file", f"{error.filename}: {error.strerror}")
    return None


def _failure(code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, **({"details": details} if details else {})}


def _sentences(error: UsherError) -> str:
    """The error's sentence, and a line for each problem that it lists."""
    problems = [f"  {problem}" for problem in error.details.get("problems", []) if isinstance(problem, str)]
    return "\n".join([error.message, *problems])
