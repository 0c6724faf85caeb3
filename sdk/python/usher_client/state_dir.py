"""What is kept between two runs of a program: key sets, the last lease, a borrowed seat. Small files for its user only.

A file that cannot be read or written is never a reason to stop a program: it is as if it had not been there.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

log = logging.getLogger("usher_client")
_LARGEST = 200_000  # bytes


def default_state_dir() -> Path | None:
    """Where this user's programs keep what they must remember; None when there is no such place (no home)."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base) / "usher" if base else None
    if sys.platform == "darwin":
        return _below_home("Library/Application Support/usher")
    base = os.environ.get("XDG_STATE_HOME")
    return Path(base) / "usher" if base and os.path.isabs(base) else _below_home(".local/state/usher")


def _below_home(path: str) -> Path | None:
    home = os.path.expanduser("~")
    return Path(home) / path if os.path.isabs(home) else None


class StateDir:
    """JSON objects by name, each in a file of its own with mode 0600 in a directory with mode 0700.

    A file is replaced as a whole: who reads it meets the old or the new one. `directory` None keeps nothing.
    """

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self.directory = None if directory is None else Path(directory)

    def read(self, name: str) -> dict[str, Any] | None:
        if self.directory is None:
            return None
        try:
            with open(self.directory / f"{name}.json", "rb") as file:
                value = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def write(self, name: str, value: dict[str, Any], *, durable: bool = False) -> bool:
        """Whether it is kept now; `durable`: even if the power goes at this moment."""
        if self.directory is None:
            return False
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._replace(self.directory / f"{name}.json", json.dumps(value).encode(), durable)
        except (OSError, ValueError) as error:
            log.debug("%s cannot be kept in the state directory: %s", name, type(error).__name__)
            return False
        return True

    def remove(self, name: str) -> None:
        if self.directory is not None:
            with suppress(OSError):
                os.unlink(self.directory / f"{name}.json")

    def _replace(self, path: Path, content: bytes, durable: bool) -> None:
        temporary = path.with_name(f".{path.stem}-{os.getpid()}-{threading.get_ident()}")
        with suppress(OSError):
            os.unlink(temporary)  # of a program that was killed at this very point
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(handle)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
