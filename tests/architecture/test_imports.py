"""Who may import whom (architecture.md, section 2), how long a file may be, and that the domain is pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SERVER = frozenset({"domain", "application", "adapters", "projections", "workers", "api", "scripts"})
CLIENTS = frozenset({"sdk", "dashboard"})
OURS = SERVER | CLIENTS | {"tests"}
LONGEST_FILE = 300  # lines


class Rule(NamedTuple):
    """What a folder may import besides itself and the standard library, as prefixes of dotted names. `third_parties`
    None: any. `types`: may be named under TYPE_CHECKING besides."""

    ours: frozenset[str] = frozenset()
    third_parties: frozenset[str] | None = None
    types: frozenset[str] = frozenset()


RULES = {
    "domain": Rule(third_parties=frozenset({"eventsourcing.domain"})),
    "application": Rule(
        frozenset({"domain"}), frozenset({"eventsourcing", "structlog"}), frozenset({"adapters", "projections"})
    ),
    "projections": Rule(frozenset({"domain"}), frozenset({"psycopg", "redis", "structlog"})),
    "adapters": Rule(frozenset({"domain"})),
    "adapters/bootstrap.py": Rule(frozenset({"domain", "application", "projections"})),
    "adapters/bootstrap_people.py": Rule(frozenset({"domain", "application", "projections"})),
    "adapters/bootstrap_outbound.py": Rule(frozenset({"domain", "application", "projections"})),
    "adapters/bootstrap_mail.py": Rule(frozenset({"domain", "application", "projections"})),
    "adapters/bootstrap_data.py": Rule(frozenset({"domain", "application", "projections"})),
    "adapters/bootstrap_tokens.py": Rule(frozenset({"domain", "application"})),
    "adapters/bootstrap_usage.py": Rule(frozenset({"domain", "application", "projections"})),
    "adapters/bootstrap_buying.py": Rule(frozenset({"domain", "application", "projections"})),
    "adapters/bootstrap_billing.py": Rule(frozenset({"domain", "application", "projections"})),
    "api": Rule(frozenset({"application", "projections", "domain"}), types=frozenset({"adapters"})),
    "workers": Rule(frozenset({"adapters.bootstrap", "application", "projections", "domain"})),
    "scripts": Rule(SERVER),
    "sdk": Rule(),
    "dashboard": Rule(),
}
CLOCK_AND_CHANCE = frozenset({"time", "random", "secrets"})
OUTSIDE = frozenset(
    {
        "os",
        "socket",
        "ssl",
        "http",
        "urllib.request",
        "subprocess",
        "asyncio",
        "threading",
        "pathlib",
        "tempfile",
        "shutil",
    }
)
IMPURE_MODULES = CLOCK_AND_CHANCE | OUTSIDE
IMPURE_NAMES = frozenset({"uuid1", "uuid4", "uuid6", "uuid7", "utcnow", "today", "getnode", "datetime_now_with_tzinfo"})
IMPURE_CALLS = frozenset({"open", "input", "print"})


class Import(NamedTuple):
    line: int
    name: str  # dotted, down to the module or the name that is taken from it
    for_types: bool


def imports_of(tree: ast.AST, package: str, for_types: bool = False) -> Iterator[Import]:
    """Every import below `tree`, also inside functions and by a literal name; `package` resolves the relative ones."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            yield from imports_of(ast.Module(node.body, []), package, True)
            yield from imports_of(ast.Module(node.orelse, []), package, for_types)
            continue
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parts, node.module] if node.module else parts)
            yield from (Import(node.lineno, f"{module}.{alias.name}", for_types) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            yield from (Import(node.lineno, a.value, for_types) for a in node.args[:1] if isinstance(a, ast.Constant))
        yield from imports_of(node, package, for_types)


def is_within(name: str, prefixes: frozenset[str]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def may_import(folder: str, rule: Rule, found: Import) -> bool:
    top = found.name.split(".")[0]
    if top in sys.stdlib_module_names or top == folder:
        return True
    if top in OURS:
        return is_within(found.name, rule.ours | (rule.types if found.for_types else frozenset()))
    return rule.third_parties is None or is_within(found.name, rule.third_parties)


def import_breaches(path: str, source: str) -> list[str]:
    """Each forbidden import of the file at `path` (relative to the project, with slashes) as one line."""
    folder = path.split("/")[0]
    rule = RULES.get(path, RULES[folder])
    package = ".".join(path.split("/")[:-1])
    found = imports_of(ast.parse(source), package)
    return [f"{path}:{one.line} must not import {one.name}" for one in found if not may_import(folder, rule, one)]


def impurities(path: str, source: str) -> list[str]:
    """Each place where the file could read a clock, chance, the network or a file, as one line."""
    tree = ast.parse(source)
    found = [(one.line, one.name) for one in imports_of(tree, "domain") if is_within(one.name, IMPURE_MODULES)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (
            node.attr in IMPURE_NAMES or ast.unparse(node) in {"datetime.now", "datetime.datetime.now"}
        ):
            found.append((node.lineno, ast.unparse(node)))
        elif isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            found.append((node.lineno, node.id))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            found.append((node.lineno, node.func.id))
    return [f"{path}:{line} must not use {name}" for line, name in sorted(found)]


def files_of(*folders: str) -> Iterator[tuple[str, str]]:
    """(path, source) of each Python file, the path relative to the project and with slashes."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), file.read_text()


STAND_IN = "scripts.stripe_sim"
STAND_IN_USERS = ("scripts/stripe_sim/", "scripts/story/", "scripts/benchmarks/", "scripts/stand_in.py")


def uses_stand_in(path: str, source: str) -> bool:
    found = imports_of(ast.parse(source), ".".join(path.split("/")[:-1]))
    return any(is_within(one.name, frozenset({STAND_IN})) for one in found)


def test_only_demonstrations_and_usher_up_know_the_stand_in_for_stripe():
    users = [path for path, source in files_of(*SERVER, *CLIENTS) if uses_stand_in(path, source)]
    assert [path for path in users if not path.startswith(STAND_IN_USERS)] == []
    assert "scripts/stand_in.py" in users


@pytest.mark.parametrize("folder", sorted(SERVER | CLIENTS))
def test_a_folder_imports_only_what_it_may(folder):
    breaches = [breach for path, source in files_of(folder) for breach in import_breaches(path, source)]
    assert not breaches, "\n".join(breaches)


def test_the_domain_reads_no_clock_no_chance_and_no_network():
    found = [impurity for path, source in files_of("domain") for impurity in impurities(path, source)]
    assert not found, "\n".join(found)


def test_no_file_is_longer_than_a_person_wants_to_read():
    lengths = {path: len(source.splitlines()) for path, source in files_of(*SERVER, *CLIENTS)}
    assert len(lengths) > 50
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("domain/license.py", "import psycopg"),
        ("domain/license.py", "from eventsourcing.persistence import Mapper"),
        ("domain/license.py", "from application.store import Store"),
        ("domain/license.py", "if TYPE_CHECKING:\n    from adapters.clock import Clock"),
        ("domain/deep/license.py", "from ...application import store"),
        ("application/seats.py", "from adapters.clock import Clock"),
        ("application/seats.py", "if TYPE_CHECKING:\n    pass\nelse:\n    from adapters.clock import Clock"),
        ("application/seats.py", "def late():\n    import redis"),
        ("application/seats.py", "importlib.import_module('adapters.clock')"),
        ("projections/seats.py", "from application import store"),
        ("projections/seats.py", "import fastapi"),
        ("adapters/clock.py", "from application.store import Store"),
        ("adapters/clock.py", "from tests.conftest import settings"),
        ("api/seats.py", "from adapters.bootstrap import Services"),
        ("workers/tasks.py", "from adapters import database"),
        ("sdk/client.py", "from domain.lease import Lease"),
    ],
)
def test_a_breach_is_found(path, source):
    assert len(import_breaches(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "domain/license.py",
            "import uuid\nfrom eventsourcing.domain import BaseAggregate\nfrom domain.ids import new_id",
        ),
        ("domain/deep/license.py", "from .seat import Seat\nfrom ..ids import new_id"),
        ("application/seats.py", "if TYPE_CHECKING:\n    from adapters.clock import Clock"),
        ("application/seats.py", "if typing.TYPE_CHECKING:\n    import projections.seats"),
        ("adapters/bootstrap.py", "from application.store import Store\nimport projections.seats"),
        ("adapters/mailer.py", "import aiosmtplib\nfrom domain.errors import NotFound"),
        ("api/seats.py", "import fastapi\nif TYPE_CHECKING:\n    from adapters.bootstrap import Services"),
        ("workers/tasks.py", "import dramatiq\nfrom adapters import bootstrap"),
    ],
)
def test_what_is_allowed_is_no_breach(path, source):
    assert import_breaches(path, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os import urandom",
        "import urllib.request",
        "from urllib import request",
        "datetime.now(UTC)",
        "datetime.datetime.now()",
        "date.today()",
        "field(default_factory=uuid4)",
        "uuid.uuid4()",
        "open('plan.yaml')",
    ],
)
def test_an_impurity_is_found(source):
    assert len(impurities("domain/license.py", source)) == 1


def test_a_time_that_is_an_argument_is_no_impurity():
    source = "from datetime import datetime, time\ndef issue(now: datetime): return event.now, now.time(), UUID(int=1)"
    assert impurities("domain/license.py", source) == []
