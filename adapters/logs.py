"""Logs are events with fields, one line each, to stderr; secrets and personal data never reach them."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import warnings
from collections.abc import MutableMapping
from typing import Any

import structlog

from adapters.environment import without_password

# fmt: off
HIDDEN = frozenset({
    "access_token", "admin_key", "api_key", "authorization", "body", "cookie", "credential", "email", "key", "lease",
    "license_key", "password", "private_key", "refresh_token", "secret", "secret_key", "signature",
    "stripe_secret_key", "token", "webhook_secret",
})
# fmt: on
"""Fields whose value is never written, whoever logs them."""
_AGAIN_AFTER = 60.0
"""Seconds for which a library's message is not repeated: with a server away, some say so several times a second."""

Fields = MutableMapping[str, Any]


def configure(*, level: str, format: str, process: str) -> None:
    """Sets up this process's logs, once: `level` as in LOG_LEVEL, `format` `console` or `json`, `process` its kind."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _named(process),
            hide,
            *_renderers(format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=Lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[FromLibraries()], force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("default")


class Lines:
    """Whole lines to stderr. One that nobody reads any more must not fail the request that logs."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = msg


def hide(logger: object, method: str, fields: Fields) -> Fields:
    """Puts `***` in place of secrets, and of passwords in addresses."""
    for name, value in fields.items():
        if name in HIDDEN and value:
            fields[name] = "***"
        elif isinstance(value, str) and "://" in value:
            fields[name] = without_password(value)
    return fields


class FromLibraries(logging.Handler):
    """Says in our logs what libraries say in the standard library's; the same thing once a minute at most."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        what, now = (record.name, str(record.msg)), time.monotonic()
        if now < self._said.get(what, 0.0):
            return
        if len(self._said) > 1000:
            self._said.clear()
        self._said[what] = now + _AGAIN_AFTER
        fields: dict[str, Any] = {"library": record.name}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _is_of_connections(error):  # fifty lines for a server that is away help nobody
            fields["error"] = f"{type(error).__name__}: {error}"
        elif error is not None:
            fields["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **fields)


def _is_of_connections(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in {"redis", "psycopg"}


def _named(process: str) -> Any:
    def name(logger: object, method: str, fields: Fields) -> Fields:
        fields["process"] = process
        return fields

    return name


def _renderers(format: str) -> list[Any]:
    """Tracebacks without local variables: those hold keys and addresses."""
    if format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return [Console(colors=sys.stderr.isatty())]


class Console:
    """`11:15:28 worker     info    license.suspended  license_id=… reason=…`"""

    _COLORS = {"debug": "\033[2m", "warning": "\033[33m", "error": "\033[31m", "critical": "\033[31;1m"}

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors

    def __call__(self, logger: object, method: str, fields: Fields) -> str:
        fields = structlog.processors.format_exc_info(logger, method, fields)  # type: ignore[arg-type]
        time, process, level = fields.pop("timestamp"), fields.pop("process"), fields.pop("level")
        event, exception = str(fields.pop("event")), fields.pop("exception", None)
        event = event if event.isprintable() else repr(event)
        said = " ".join(f"{name}={_shown(value)}" for name, value in fields.items())
        line = f"{time[11:19]} {process:<10} {level:<7} {event}  {said}".rstrip()
        if self._colors and level in self._COLORS:
            line = f"{self._COLORS[level]}{line}\033[0m"
        return f"{line}\n{exception}" if exception else line


def _shown(value: object) -> str:
    """On one line, whatever somebody put into it."""
    text = value if isinstance(value, str) else repr(value)
    return text if text.isprintable() and " " not in text else repr(text)
