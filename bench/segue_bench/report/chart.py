"""A group of figures as inline SVG: a bar for each median, a line over what its rounds ranged, the floor as a mark."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from segue_bench.measure import Figure, Of, rounded
from segue_bench.report.content import floor_of

WIDTH, ROW, LABEL, BAR = 320, 40, 15, 14
"""In units of the drawing; a label stands above its bar, so that the drawing is legible on a telephone."""
ROOM = 56
"""Beside the longest bar, for its number."""


def bars(figures: Sequence[Figure], *, title: str) -> str:
    """A drawing, with a line of text for those who cannot see it."""
    most = max(figure.median for figure in figures) or 1
    scale = (WIDTH - ROOM) / most
    height = len(figures) * ROW
    floor = floor_of(figures)
    drawn = [_row(figure, floor, scale, top=number * ROW) for number, figure in enumerate(figures)]
    spoken = "; ".join(f"{figure.what}: {rounded(figure.median)} {figure.unit}" for figure in figures)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label={quoteattr(title)}>'
        f"<desc>{escape(spoken)}</desc>{''.join(drawn)}</svg>"
    )


def _row(figure: Figure, floor: Figure | None, scale: float, *, top: int) -> str:
    width = max(figure.median * scale, 1)
    low, high = (min(edge * scale, WIDTH - ROOM) for edge in (min(figure.rounds), max(figure.rounds)))
    middle = top + LABEL + BAR / 2
    left = floor.median * scale if floor else 0.0
    strong = " ours" if figure.of is Of.SEGUE else ""
    return (
        f'<text class="label{strong}" x="0" y="{top + 11}">{escape(figure.what)}</text>'
        f'<rect class="{figure.of}" x="0" y="{top + LABEL}" width="{width:.1f}" height="{BAR}" rx="2"/>'
        f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        f'<line class="floor" x1="{left:.1f}" x2="{left:.1f}" y1="{top + LABEL - 2}" y2="{top + LABEL + BAR + 4}"/>'
        f'<text class="number" x="{WIDTH}" y="{top + LABEL + 11}">{rounded(figure.median)}</text>'
    )
