"""A run as Markdown, to be kept beside code."""

from collections.abc import Iterator

from segue_bench.measure import Figure, Result, ratio, rounded
from segue_bench.report.content import Run, floor_of, groups


def render(run: Run) -> str:
    """The file's content."""
    lines = ["# Segue, measured", "", run.conclusion(), "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in run.conditions.items()]
    for result in run.results:
        lines += _result(result)
    return "\n".join(lines) + "\n"


def _result(result: Result) -> Iterator[str]:
    yield ""
    yield f"## {result.subject}"
    yield ""
    yield f"{result.about[:1].upper()}{result.about[1:]}."
    for name, figures in groups(result):
        yield from _group(name, figures)
    if result.targets:
        yield from ("", "| target | measured | bound | met |", "|---|---|---|---|")
    for target in result.targets:
        bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g}{target.unit}"
        met = "yes" if target.met else f"**no**: {_cell(target.reason)}"
        yield f"| {_cell(target.what)} | {rounded(target.measured)}{target.unit} | {bound} | {met} |"
    if result.missing:
        yield ""
    for peer, reason in result.missing.items():
        yield f"- Not measured: {peer}: {reason}"
    for note in result.notes:
        yield from ("", note)
    if result.conditions:
        yield from ("", ", ".join(f"{name} {value}" for name, value in result.conditions.items()))
    if result.profile:
        yield from ("", "Where the time goes:", "", "```", result.profile.rstrip(), "```")


def _group(name: str, figures: list[Figure]) -> Iterator[str]:
    floor = floor_of(figures)
    yield from (
        "",
        f"| {_cell(name)} ({figures[0].unit}) | median | p99 | of the floor | samples |",
        "|---|--:|--:|--:|--:|",
    )
    for figure in figures:
        tail = "" if figure.p99 is None else rounded(figure.p99)
        times = f"{ratio(figure, floor):.2f}" if floor else ""
        yield f"| {_cell(figure.what)} | {rounded(figure.median)} | {tail} | {times} | {figure.samples:,} |"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
