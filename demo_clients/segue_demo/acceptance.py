"""`segue acceptance`: which of the 63 acceptance rows of specs/requirements.toml are built, and pass."""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

CLONE = Path(__file__).resolve().parents[2]
PASSED, FAILED, NOT_BUILT = "passed", "failed", "not built"
_ROW = re.compile(r"R\d+")
_TEST = re.compile(r"test_r(\d+)_\w+")


class CannotRun(Exception):
    """Why there is nothing to run, in words for the person who started it."""


@dataclass(frozen=True)
class Case:
    """One run of one test. `outcome` is `passed`, `failed` or `skipped`; `remark` says why it did not pass."""

    row: str
    outcome: str
    remark: str = ""


@dataclass(frozen=True)
class Row:
    """One acceptance row. `state` is one of the words above, or `built` when nothing was run."""

    id: str
    text: str
    state: str
    remarks: tuple[str, ...] = ()


def main(argv: Sequence[str]) -> int:
    """Run the acceptance tests of a clone and print which of the 63 rows pass."""
    parser = argparse.ArgumentParser(prog="segue acceptance", description=main.__doc__)
    parser.add_argument("--list", action="store_true", help="only say which rows have a test")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(argv)
    try:
        rows = listed(CLONE) if options.list else run(CLONE)
    except CannotRun as reason:
        print(json.dumps({"error": str(reason)}) if options.json else f"segue acceptance: {reason}", file=sys.stderr)
        return 2
    _tell(rows, as_json=options.json)
    return 1 if any(row.state == FAILED for row in rows) else 0


def listed(clone: Path) -> list[Row]:
    """The rows in their order, each `built` if it has a test. Raises `CannotRun`."""
    texts, tested = _texts(clone), _tested(clone)
    return [Row(row, text, "built" if row in tested else NOT_BUILT) for row, text in texts.items()]


def run(clone: Path) -> list[Row]:
    """Run every acceptance test; the rows in their order. Raises `CannotRun`."""
    texts, tested = _texts(clone), _tested(clone)
    if find_spec("pytest") is None:
        raise CannotRun("pytest is not installed here; ./check installs it, and runs this command too")
    print("Running the acceptance tests; this takes a minute or two ...", file=sys.stderr, flush=True)
    return judged(texts, tested=tested, cases=_run_tests(clone))


def judged(texts: dict[str, str], *, tested: set[str], cases: Iterable[Case]) -> list[Row]:
    """What the cases say of each row: it has passed if some did and none failed; one that was skipped is remarked."""
    of_row: dict[str, list[Case]] = {}
    for case in cases:
        of_row.setdefault(case.row, []).append(case)
    rows = []
    for row, text in texts.items():
        ran = of_row.get(row, [])
        outcomes = {case.outcome for case in ran}
        passed = PASSED in outcomes and FAILED not in outcomes
        remarks = [case.remark for case in ran if case.remark]
        if row in tested and not ran:
            remarks.append("its test did not run")
        rows.append(Row(row, text, NOT_BUILT if row not in tested else PASSED if passed else FAILED, tuple(remarks)))
    return rows


def _texts(clone: Path) -> dict[str, str]:
    """The text of each row by its id."""
    file = clone / "specs" / "requirements.toml"
    if not file.exists():
        raise CannotRun("there is no specs/requirements.toml; this command needs a clone of the repository")
    requirements = tomllib.loads(file.read_text("utf-8"))["requirement"]
    return {each["id"]: each["text"] for each in requirements if _ROW.fullmatch(each["id"])}


def _tested(clone: Path) -> set[str]:
    """The rows that have a test, found without running any."""
    files = sorted((clone / "tests" / "acceptance").glob("test_*.py"))
    if not files:
        raise CannotRun("there is no tests/acceptance; this command needs a clone of the repository")
    trees = (ast.parse(file.read_text("utf-8")) for file in files)
    names = (
        node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {row for name in names if (row := _row_of(name))}


def _run_tests(clone: Path) -> list[Case]:
    """Every case of the folder, from pytest's JUnit report."""
    with tempfile.TemporaryDirectory(prefix="segue-acceptance-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "tests/acceptance", "--quiet", f"--junit-xml={report}"]
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)  # noqa: S603
        if not report.exists():
            raise CannotRun(f"pytest did not run the tests:\n{done.stdout}{done.stderr}")
        cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 (pytest has just written it)
        return [_case(case) for case in cases if _row_of(case.get("name", ""))]


def _case(element: ElementTree.Element) -> Case:
    """One `testcase`: good unless something other than output is in it."""
    row = _row_of(element.get("name", ""))
    for kind in ("failure", "error", "skipped"):
        if (found := element.find(kind)) is not None:
            said = (found.get("message") or kind).strip().partition("\n")[0]
            return Case(row, kind if kind == "skipped" else FAILED, f"{element.get('name')}: {said}")
    return Case(row, PASSED)


def _row_of(name: str) -> str:
    found = _TEST.match(name)
    return f"R{found[1]}" if found else ""


def _tell(rows: Sequence[Row], *, as_json: bool) -> None:
    score = sum(row.state in (PASSED, "built") for row in rows)
    if as_json:
        print(json.dumps({"score": score, "of": len(rows), "rows": [asdict(row) for row in rows]}))
        return
    for row in rows:
        print(f"{row.id:4} {row.state:9}  {row.text}")
        for remark in row.remarks:
            print(f"{'':16}{remark}")
    print(f"{score} of {len(rows)}")
