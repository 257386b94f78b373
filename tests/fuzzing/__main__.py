"""`python -m fuzzing` in `tests/`: coverage-guided fuzzing of every parser, each in a process of its own, by atheris.

    python -m fuzzing --list
    python -m fuzzing --seconds 60 --parser jose
    python -m fuzzing --seconds 600 --keep 6

Exit status 1 if a parser could not be run, or if any input was a finding: those lie in the folder that is printed, and
belong into `corpus/` with the fix.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
LONGEST_KEPT = 1500
_DONE = re.compile(r"Done (\d+) runs")
_COVERAGE = re.compile(r"cov: (\d+)")


@dataclass(frozen=True)
class Outcome:
    """What came of one parser: runs, covered edges of our code, inputs that are findings, and its corpus."""

    name: str
    runs: int
    covered: int
    findings: list[Path]
    corpus: Path


def main(argv: list[str]) -> int:
    options = _options(argv)
    from fuzzing.table import PARSERS

    if options.list:
        print("\n".join(PARSERS))
        return 0
    unknown = set(options.parser) - PARSERS.keys()
    if unknown:
        print(f"no such parser: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    names = options.parser or list(PARSERS)
    folder = Path(options.folder or tempfile.mkdtemp(prefix="fuzzing-"))
    outcomes = []
    for name in names:
        outcome = _campaign(PARSERS[name], folder / name, seconds=max(1, options.seconds // len(names)))
        outcomes.append(outcome)
        print(
            f"{name:24} {outcome.runs:>10} runs {outcome.covered:>6} edges {len(outcome.findings)} findings", flush=True
        )
        _keep(outcome, options.keep)
    findings = [path for outcome in outcomes for path in outcome.findings]
    print(f"{sum(outcome.runs for outcome in outcomes)} runs, {len(findings)} findings, in {folder}")
    return 1 if findings or not all(outcome.runs for outcome in outcomes) else 0


def _campaign(parser: Any, folder: Path, *, seconds: int) -> Outcome:
    name = parser.name
    corpus, found = folder / "corpus", folder / "findings"
    for each in (corpus, found):
        each.mkdir(parents=True, exist_ok=True)
    for seed in (*parser.seeds, *saved(name)):
        (corpus / _named(seed)).write_bytes(seed)
    limits = [
        f"-max_total_time={seconds}",
        "-timeout=5",
        "-rss_limit_mb=2048",
        "-max_len=8192",
        f"-artifact_prefix={found}/",
    ]
    words = [name, ",".join(parser.modules), str(corpus), *limits]
    command = [sys.executable, "-W", "ignore", "-m", "fuzzing.target", *words]
    ran = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, errors="replace", check=False)
    said = ran.stdout + ran.stderr
    (folder / "log").write_text(said)
    runs, covered = _DONE.findall(said), _COVERAGE.findall(said)
    if not runs and not any(found.iterdir()):
        print(f"{name} did not run:\n{said[-2000:]}", file=sys.stderr)
    return Outcome(
        name, int(runs[-1]) if runs else 0, max(map(int, covered), default=0), sorted(found.iterdir()), corpus
    )


def _keep(outcome: Outcome, most: int) -> None:
    """Add the shortest of what covered something new to the inputs that every test run tries."""
    known = set(saved(outcome.name))
    inputs = sorted(
        {path.read_bytes() for path in outcome.corpus.iterdir()} - known, key=lambda data: (len(data), data)
    )
    inputs = [data for data in inputs if len(data) <= LONGEST_KEPT]
    step = max(1, len(inputs) // most) if most else 1
    for data in inputs[::step][:most]:
        (CORPUS / outcome.name).mkdir(parents=True, exist_ok=True)
        (CORPUS / outcome.name / _named(data)).write_bytes(data)


def saved(name: str) -> list[bytes]:
    """The inputs that are kept for a parser."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def _named(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _options(argv: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m fuzzing", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seconds", type=int, default=60, help="for all parsers together (60)")
    options.add_argument("--parser", action="append", default=[], metavar="NAME", help="this one; may be repeated")
    options.add_argument("--keep", type=int, default=0, metavar="N", help="save so many new inputs of each in corpus/")
    options.add_argument("--folder", help="where to work (a new folder)")
    options.add_argument("--list", action="store_true", help="name the parsers")
    return options.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
