"""`python -m scripts.benchmarks [NAME…] [--json]`: one JSON line a figure; exit 1 when a goal is missed."""

from __future__ import annotations

import argparse
import json
import sys

from scripts.benchmarks.engine import installation
from scripts.benchmarks.figures import SMOKE, Effort, Figure
from scripts.benchmarks.suite import BENCHMARKS, DEFAULT


def main(arguments: list[str] | None = None) -> int:
    told = _parser().parse_args(arguments)
    effort = SMOKE if told.smoke else Effort()
    missed = False
    with installation() as place:
        for name in told.names or DEFAULT:
            if not told.json:
                print(f"{name}: {BENCHMARKS[name].__doc__}", file=sys.stderr, flush=True)
            for figure in BENCHMARKS[name](place, effort):
                missed |= figure.holds is False
                print(json.dumps(figure.line), flush=True)
                if not told.json:
                    print(f"  {sentence(figure)}", file=sys.stderr, flush=True)
    return int(missed)


def sentence(figure: Figure) -> str:
    """A figure for a person."""
    value = figure.line["value"]
    if figure.goal is None:
        return f"{figure.figure}: {value:,} {figure.unit}"
    wanted = f"{'at most' if figure.at_most else 'at least'} {figure.goal:,}"
    return f"{figure.figure}: {value:,} {figure.unit}, wanted {wanted}: {'reached' if figure.holds else 'MISSED'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Usher's figures beside their yardsticks.")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="nothing but the JSON lines")
    parser.add_argument("--smoke", action="store_true", help="see that everything runs; the numbers mean nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
