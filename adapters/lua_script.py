"""The scripts in `lua/`, each put together from the files it is made of."""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path

_FOLDER = Path(__file__).parent / "lua"


class Script:
    """`Script("clock", "entry", "free")` is `free.lua` with the functions of the others before it."""

    def __init__(self, *names: str) -> None:
        self.source = "\n".join((_FOLDER / f"{name}.lua").read_text() for name in names)
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
