"""What the client adds to a program that loads it and takes a seat: time and memory, in fresh interpreters.

    python measure.py URL LICENSE_KEY PRODUCT [REPEATS]        one JSON line for each kind of host program

Two kinds of host: `bare`, an interpreter with nothing loaded, which pays for Python's own json, logging, ssl and http
too; and `desktop`, a program that has a window and talks HTTPS itself already. Memory is what the kernel says
(/proc/self/smaps_rollup, Linux): `resident` counts every page, those of shared libraries too; `private` is what nobody
shares and the system cannot drop, the usual reading of "uses so much memory" on desktops.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HOSTS = {
    "bare": "",
    "desktop": "import tkinter, json, logging, threading, dataclasses, datetime, pathlib, ssl, urllib.request\n"
    "ssl.create_default_context()",
}
_PROGRAM = """
import sys, time
{host}
def memory():
    with open("/proc/self/smaps_rollup") as lines:
        sizes = dict(line.split()[:2] for line in lines if line.startswith(("Rss:", "Private_Dirty:")))
    return int(sizes["Rss:"]), int(sizes["Private_Dirty:"])
url, key, product, state = sys.argv[1:]
before, begun, cpu = memory(), time.perf_counter(), time.process_time()
from usher_client import LicenseClient
imported = time.perf_counter()
seat = LicenseClient(url, key, product=product, fingerprint="fingerprint-of-the-measurement", state_dir=state).acquire()
ended, cpu, after = time.perf_counter(), time.process_time() - cpu, memory()
seat.check()
seat.release()
print(begun, imported, ended, cpu, *(new - old for new, old in zip(after, before)))
"""


def measure(url: str, license_key: str, product: str, *, host: str = "desktop", repeats: int = 5) -> dict[str, float]:
    """Medians of `repeats` runs: `import_ms`, `acquire_ms`, `total_ms`, `cpu_ms`, `resident_mb`, `private_mb`.

    `cpu_ms` is the part of the time that is this process's own work, whatever else the machine does. A run before them
    warms the disk's cache. Each takes a seat of the licence and gives it back.
    """
    runs = [_run(url, license_key, product, host) for _ in range(repeats + 1)][1:]
    return {name: round(statistics.median(run[name] for run in runs), 1) for name in runs[0]}


def _run(url: str, license_key: str, product: str, host: str) -> dict[str, float]:
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-c", _PROGRAM.replace("{host}", HOSTS[host]), url, license_key, product, state]
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    begun, imported, ended, cpu, resident, private = (float(number) for number in done.stdout.split())
    return {
        "import_ms": 1000 * (imported - begun),
        "acquire_ms": 1000 * (ended - imported),
        "total_ms": 1000 * (ended - begun),
        "cpu_ms": 1000 * cpu,
        "resident_mb": resident / 1024,
        "private_mb": private / 1024,
    }


def main(arguments: list[str]) -> None:
    if len(arguments) not in (3, 4):
        sys.exit(__doc__)
    options: dict[str, Any] = {"repeats": int(arguments[3])} if len(arguments) == 4 else {}
    for host in HOSTS:
        print(json.dumps({"host": host, **measure(*arguments[:3], host=host, **options)}))


if __name__ == "__main__":
    main(sys.argv[1:])
