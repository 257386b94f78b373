"""`segue bench`: measures subjects one after the other, prints what they come to, and writes a report."""

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from segue_bench import report
from segue_bench.environment import environment, load
from segue_bench.measure import Missing, Plan, Result
from segue_bench.report.content import Run
from segue_bench.subjects import SUBJECTS, Subject

BROKEN = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what Segue costs, beside the floor under it and what else does the same."""
    options = _parser().parse_args(argv)
    plan = Plan(quick=options.quick, rounds=options.rounds, peers=options.peers)
    chosen = [subject for subject in SUBJECTS if subject.name in (options.subject or [each.name for each in SUBJECTS])]
    before, began = load(), time.monotonic()
    results = [_measured(subject, plan) for subject in chosen]
    conditions = {**environment(), "load": f"{before} before; {load()} after"}
    run = Run(results, conditions, seconds=time.monotonic() - began, quick=plan.quick)
    if options.report is not None:
        report.write(run, options.report)
    print(json.dumps(run.document(), indent=1, ensure_ascii=False) if options.json else report.text(run))
    if run.broken:
        return BROKEN
    return 1 if run.missed else 0


def _measured(subject: Subject, plan: Plan) -> Result:
    def say(what: str) -> None:
        print(f"{subject.name}: {what}", file=sys.stderr, flush=True)

    try:
        return subject.run(plan, say)
    except Missing as reason:
        say(f"not measured: {reason}")
        return subject.found(Result(figures=(), missing={subject.name: str(reason)}))
    except Exception as error:  # what the others found is not lost
        traceback.print_exc()
        why = {subject.name: f"it broke ({type(error).__name__})"}
        return subject.found(Result(figures=(), missing=why, broken=True))


def _parser() -> argparse.ArgumentParser:
    width = max(len(subject.name) for subject in SUBJECTS)
    parser = argparse.ArgumentParser(
        prog="segue bench",
        description=main.__doc__,
        epilog="subjects:\n"
        + "\n".join(f"  {subject.name:{width}}  {subject.about}" for subject in SUBJECTS)
        + "\n\nExit status: 0 if every target is met, 1 if one is missed, 2 if one could not be "
        "measured to its end, or for a wrong command line.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "subject",
        nargs="*",
        metavar="SUBJECT",
        help="what to measure (all)",
        type=_known,
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    parser.add_argument("--rounds", type=_natural, metavar="N", help="how often each is measured")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write bench.md, bench.html and bench.json there")
    parser.add_argument(
        "--peers", type=Path, metavar="FOLDER", default=_cache(), help="where other people's programs are installed"
    )
    return parser


def _known(name: str) -> str:
    if name not in [subject.name for subject in SUBJECTS]:
        raise argparse.ArgumentTypeError(f"{name!r} is no subject; `segue bench --help` lists them")
    return name


def _natural(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError("from 1 to 100000")
    return number


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251  where programs keep such things
    return Path(home) / "segue-bench"
