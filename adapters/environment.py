"""Reading and checking what the environment says, one value at a time; `adapters/settings.py` says which values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values

from domain.key_restrictions import network

PREFIX = "USHER_"


class SettingsInvalid(Exception):
    """The engine must not start with these settings. `problems`: one line each, saying what to do."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Setting(NamedTuple):
    """One line of the documentation that `usher doctor` prints; `name` is without the prefix."""

    name: str
    meaning: str
    default: str
    example: str


class Environment:
    """The values given under our prefix. A problem is noted and the reading goes on with the default, so that a person
    sees all problems at once; names are without the prefix."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        values = {name: value.strip() for name, value in given.items() if name.startswith(PREFIX) and value}
        self.given = {name.removeprefix(PREFIX): value for name, value in values.items() if value}
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def get(self, name: str) -> str | None:
        return self.given.get(name)

    def text(self, name: str, default: str) -> str:
        return self.given.get(name, default)

    def pair(self, name: str) -> str | None:
        """Two words with a colon between them."""
        value = self.get(name)
        if value is not None and not all(value.partition(":")):
            self.refuse(name, "is not an id and a secret with a colon between them")
        return value

    def refuse(self, name: str, what_to_do: str) -> None:
        self.problems.append(f"{PREFIX}{name} {what_to_do}")

    def warn(self, name: str, meaning: str) -> None:
        self.warnings.append(f"{PREFIX}{name} {meaning}")

    def url(self, name: str, *schemes: str) -> str | None:
        value = self.given.get(name)
        if value is None or _is_url(value, schemes):
            return value
        self.refuse(name, f"is not a URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return None

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.given.get(name, default).lower()
        if value in allowed:
            return value
        self.refuse(name, f"is {self.given[name]!r}: use one of {', '.join(allowed)}")
        return default

    def number(self, name: str, default: int, highest: int) -> int:
        value = self.given.get(name, str(default))
        if re.fullmatch("[0-9]{1,9}", value) and 1 <= int(value) <= highest:
            return int(value)
        self.refuse(name, f"is {value!r}: use a whole number from 1 to {highest}")
        return default

    def days(self, name: str, default: str) -> str:
        """`P14D`: whole days."""
        value = self.given.get(name, default)
        if re.fullmatch("P[0-9]{1,3}D", value):
            return value
        self.refuse(name, f"is {value!r}: use whole days, from P0D to P999D")
        return default

    def checked(self, name: str, check: Callable[[str], object]) -> str:
        """A text of which `check` raises a `ValueError` when it is wrong."""
        value = self.given.get(name, "")
        try:
            check(value)
        except ValueError as error:
            self.refuse(name, str(error))
            return ""
        return value

    def networks(self, name: str, default: str) -> str:
        """Addresses and networks with commas, `*` or `none`; one that is misspelt would silently stand for nobody."""
        told = self.given.get(name, default)
        for each in told.split(",") if told not in ("*", "none") else ():
            try:
                network(each)
            except ValueError:
                self.refuse(name, f"has {each.strip()!r}: use addresses and networks such as 10.0.0.0/8, * or none")
        return told

    def warn_of_unknown(self, names: Iterable[str]) -> None:
        known = list(names)
        for name in sorted(self.given.keys() - set(known)):
            near = get_close_matches(name, known, 1)
            self.warn(name, f"is not a setting{f': did you mean {PREFIX}{near[0]}?' if near else ''}")


def read_dotenv(path: Path | None) -> dict[str, str | None]:
    """The values of a `.env` file, literally: `$` in a password stays. Raises SettingsInvalid when it is no text."""
    try:
        return dotenv_values(path, interpolate=False) if path and path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid([f"{path} cannot be read: make it UTF-8 text of NAME=value lines ({error})"]) from error


def without_password(url: str) -> str:
    """The URL with `***` in place of its password, whether before the host or in the query."""
    url = re.sub(r"(?i)(password=)[^&#]*", r"\1***", url)
    return re.sub(r"(?<=://)([^/?#@:]*):.*@", r"\1:***@", url)


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.netloc or parts.path or parts.query)
    except ValueError:
        return False
