"""A run as one HTML file: no scripts, nothing loaded from elsewhere, legible on paper and on a telephone."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from segue_bench.measure import ratio, rounded
from segue_bench.report import chart
from segue_bench.report.content import Run, floor_of, groups

_FOLDER = Path(__file__).parent


def render(run: Run) -> str:
    """The file's content."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rounded"] = rounded
    return environment.get_template("report.html").render(
        run=run,
        style=Markup((_FOLDER / "report.css").read_text("utf-8")),  # noqa: S704  ours, as is the drawing
        bars=lambda figures, title: Markup(chart.bars(figures, title=title)),  # noqa: S704
        groups=groups,
        floor_of=floor_of,
        ratio=ratio,
    )
