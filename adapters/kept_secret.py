"""A secret that is made once and kept in a file, for an installation that was given none."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from adapters.environment import PREFIX, SettingsInvalid


def kept_secret(path: Path, made: str) -> str:
    """The secret in `path` (mode 0600), made now if there is none. Processes that start together agree on one."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, made)
        kept = path.read_text().strip()
    except OSError as error:
        raise SettingsInvalid([f"{PREFIX}DATA_DIR must be a folder you may write to: {error}"]) from error
    if not kept:
        raise SettingsInvalid([f"{path} is empty: restore it from a backup, keys are derived from it"])
    return kept


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all, and never over another's: keys derived from a secret that is lost are worthless."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
