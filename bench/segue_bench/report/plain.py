"""A run as text for a terminal."""

from collections.abc import Iterator

from segue_bench.measure import Figure, Result, ratio, rounded
from segue_bench.report.content import Run, floor_of, groups


def text(run: Run) -> str:
    """Figures, targets with the reasons of those missed, and what was not measured."""
    lines = [line for result in run.results for line in _result(result)]
    return "\n".join([*lines, run.conclusion(), f"load: {run.conditions['load']}"])


def _result(result: Result) -> Iterator[str]:
    yield f"{result.subject}: {result.about}"
    yield ""
    for name, figures in groups(result):
        yield from _group(name, figures)
    for peer, reason in result.missing.items():
        yield f"  not measured: {peer}: {reason}"
    for target in result.targets:
        yield f"  {'met   ' if target.met else 'MISSED'}  {target}"
        if not target.met:
            yield f"          {target.reason}"
    yield ""


def _group(name: str, figures: list[Figure]) -> Iterator[str]:
    floor = floor_of(figures)
    width = max(len(figure.what) for figure in figures)
    title = f"{name}, {figures[0].unit}" if name else figures[0].unit
    yield f"  {title:{width}}  {'median':>10}{'p99':>10}" + (f"{'of floor':>10}" if floor else "")
    for figure in figures:
        tail = "" if figure.p99 is None else rounded(figure.p99)
        times = f"{ratio(figure, floor):10.2f}" if floor else ""
        yield f"  {figure.what:{width}}  {rounded(figure.median):>10}{tail:>10}{times}"
    yield ""
