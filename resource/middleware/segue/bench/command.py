"""`segue bench`: prints what a protected request costs, for people or, with `--json`, for programs."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segue.bench.comparison import BARE, Comparison, compare


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what Segue costs, beside what else does the same.

    Exit status 0 if every target is met, 1 if one is missed.
    """
    parser = argparse.ArgumentParser(prog="segue bench", description=main.__doc__)
    subjects = parser.add_subparsers(dest="subject", required=True)
    middleware = subjects.add_parser("middleware", help="one protected request, against cryptography and libraries")
    middleware.add_argument("--json", action="store_true", help="for programs")
    middleware.add_argument("--rounds", type=_natural, default=20, help="alternating rounds (20)")
    middleware.add_argument("--requests", type=_natural, default=500, help="requests of each way in a round (500)")
    middleware.add_argument(
        "--node-folder", type=Path, default=Path.cwd(), help="the folder whose node_modules has oauth4webapi (here)"
    )
    options = parser.parse_args(argv)
    measured = compare(rounds=options.rounds, requests=options.requests, node_folder=options.node_folder)
    print(json.dumps(_document(measured)) if options.json else _table(measured))
    return 0 if all(measured.targets().values()) else 1


def _natural(text: str) -> int:
    number = int(text)
    if not 2 <= number <= 100_000:
        raise argparse.ArgumentTypeError("from 2 to 100000")
    return number


def _document(measured: Comparison) -> dict[str, Any]:
    return {
        "microseconds": {name: asdict(figures) for name, figures in measured.figures.items()},
        "times_bare": {name: round(measured.times_bare(name), 3) for name in measured.figures},
        "times_segue": {name: round(measured.times_segue(name), 3) for name in measured.figures},
        "skipped": measured.skipped,
        "targets": measured.targets(),
        "python": sys.version.split()[0],
    }


def _table(measured: Comparison) -> str:
    lines = [f"{'microseconds for one request':30}{'median':>10}{'p99':>10}{'of bare':>10}{'of segue':>10}"]
    for name, taken in measured.figures.items():
        label = "cryptography alone" if name == BARE else name
        ratios = f"{measured.times_bare(name):10.2f}{measured.times_segue(name):10.2f}"
        lines.append(f"{label:30}{taken.median:10.1f}{taken.p99:10.1f}{ratios}")
    lines += [f"{name:30}not measured: {reason}" for name, reason in measured.skipped.items()]
    lines += ["", *(f"{'met   ' if met else 'missed'}  {promise}" for promise, met in measured.targets().items())]
    return "\n".join(lines)
