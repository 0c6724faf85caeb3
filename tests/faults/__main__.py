"""`python -m tests.faults [--minutes N] [--seed N]`: breaks everything for so long; exit 1 when the promise breaks."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

import uvloop

from tests.faults.checker import Rules, Violation, slice_of, violations
from tests.faults.history import History
from tests.faults.installation import Installation, installation
from tests.faults.plan import Fault, Plan
from tests.faults.rounds import Round, play
from tests.faults.summary import summary

ROUND = 240.0
"""Seconds of faults in a round; a longer run is made of several on the same engine, each with the next seed."""
_SHOWN = 3


def main(arguments: list[str] | None = None) -> int:
    told = _parser().parse_args(arguments)
    if told.check:
        return _check(told.check, _rules(told))
    if told.seed is None:
        told.seed = SystemRandom().randrange(1_000_000)
    try:
        return uvloop.run(_run(told))
    except KeyboardInterrupt:
        return 130


async def _run(told: argparse.Namespace) -> int:
    rounds: list[Round] = []
    seconds = told.minutes * 60
    async with installation() as place:
        while seconds > 0:
            plan = Plan.of(told.seed + len(rounds), min(seconds, ROUND), frozenset(told.without))
            print(plan, flush=True)
            rounds.append(await play(place, plan, clients=told.clients, rules=_rules(told)))
            _tell(rounds[-1])
            if told.keep or not rounds[-1].is_kept:
                _keep(rounds[-1], place)
            seconds -= plan.seconds
        print(summary(rounds, sorted(place.home.glob("*.log")), place.died))
    kept = all(round.is_kept for round in rounds)
    print("\nThe promise was kept." if kept else "\nTHE PROMISE WAS BROKEN.", flush=True)
    return int(not kept)


def _tell(round: Round) -> None:
    """What is wrong with a round, with the calls that belong to it."""
    calls = len(round.history.calls)
    print(f"Seed {round.plan.seed}: {calls} calls, {len(round.violations)} violations, {len(round.troubles)} troubles")
    for trouble in round.troubles:
        print(f"  {trouble}")
    _show(round.history, round.violations)


def _keep(round: Round, place: Installation) -> None:
    folder = Path(tempfile.mkdtemp(prefix="usher-faults-"))
    round.history.write(folder / "history.jsonl")
    (folder / "plan.txt").write_text(f"{round.plan}\n")
    for log in place.home.glob("*.log"):
        shutil.copy(log, folder)
    print(f"The whole history and the logs are in {folder}")
    print(f"Again: scripts/faults --seed {round.plan.seed} --minutes {round.plan.seconds / 60:g}", flush=True)


def _rules(told: argparse.Namespace) -> Rules:
    return Rules(settle=told.settle, redis_within=told.redis_within)


def _show(history: History, found: list[Violation]) -> None:
    for violation in found[:_SHOWN]:
        print(f"\n{violation.rule}: {violation.text}\n{slice_of(history, violation)}")
    for violation in found[_SHOWN:]:
        print(f"{violation.at:9.3f} {violation.rule}: {violation.text}")


def _check(path: Path, rules: Rules) -> int:
    history = History.read(path)
    found = violations(history, rules)
    _show(history, found)
    print(f"{len(history.calls)} calls, {len(found)} violations")
    return int(bool(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/faults", description="Breaks a whole engine and checks its promise.")
    parser.add_argument("--minutes", type=float, default=4.0, help="of faults (4)")
    parser.add_argument("--seed", type=int, help="of the first round; any")
    parser.add_argument("--clients", type=int, default=300, help="machines that compete for 114 seats (300)")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds after a fault in which calls may fail (5)")
    parser.add_argument("--redis-within", type=float, default=1.0, help="and in which one of Redis may show as 503 (1)")
    parser.add_argument("--keep", action="store_true", help="keep the history also when nothing is wrong")
    parser.add_argument("--without", nargs="*", default=(), choices=[*Fault], metavar="FAULT", help="left out")
    parser.add_argument("--check", type=Path, metavar="FILE", help="judge a history that was kept, and run nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
