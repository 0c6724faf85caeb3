"""`python -m tests.faults.nursery`: forks processes of the engine on demand, and ends them when it ends.

Each line it reads is an order, `{"name", "environment", "log"}`; it answers with the process's id. It has imported what
they need, so that one that was killed is there again as fast as under `usher up`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from functools import partial

from adapters.settings import Settings
from scripts.children import STOP_WITHIN, Child

_NEEDED = ("scripts.processes", "scripts.apis", "fastapi", "uvicorn", "uvloop", "httptools")
_WORKERS = ("worker", "projector", "scheduler", "dispatcher")


def main() -> None:
    """Until nobody gives orders any more."""
    for name in (*_NEEDED, *(f"workers.{kind}" for kind in _WORKERS)):
        importlib.import_module(name)
    children = []
    for line in sys.stdin:
        order = json.loads(line)
        child = Child(order["name"], partial(_run, order))
        child.start()
        children.append(child)
        assert child.process
        print(child.process.pid, flush=True)
    _stop(children)


def _stop(children: list[Child]) -> None:
    """Asks all to end, waits, insists."""
    running = [child.process for child in children if child.process]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + STOP_WITHIN
    for process in running:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()
        process.join()


def _run(order: dict[str, object]) -> None:
    """In the child."""
    from scripts.apis import listen_for, run_child

    with open(str(order["log"]), "ab") as log:
        for number in (1, 2):
            os.dup2(log.fileno(), number)
    kind = str(order["name"]).partition("-")[0]
    settings = Settings.from_environment(order["environment"], dotenv=None)  # type: ignore[arg-type]
    run_child(settings, [], None, kind, listen_for(settings)[0] if kind == "api" else None)


if __name__ == "__main__":
    main()
