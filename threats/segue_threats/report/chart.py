"""The summary chart as inline SVG: one bar for each row, its parts in order of gravity, readable without colour."""

from collections import Counter
from collections.abc import Mapping
from xml.sax.saxutils import escape

from segue_threats.outcome import Ending

ORDER = (Ending.BROKEN, Ending.SKIPPED, Ending.NOT_ATTACKED, Ending.BY_HAND, Ending.HELD, Ending.LEFT_OUT)
ROW, BAR, LABEL, WIDTH = 40, 18, 16, 320
"""In units of the drawing; a label stands above its bar, so that the drawing is legible on a telephone."""


def bars(rows: Mapping[str, Counter[Ending]], *, title: str) -> str:
    """A drawing with a line of text for those who cannot see it."""
    most = max((sum(counts.values()) for counts in rows.values()), default=1) or 1
    drawn = [_row(name, counts, most, top=number * ROW) for number, (name, counts) in enumerate(rows.items())]
    spoken = "; ".join(f"{name}: {_spoken(counts)}" for name, counts in rows.items())
    return (
        f'<svg viewBox="0 0 {WIDTH} {len(rows) * ROW}" role="img" aria-label="{escape(title, {chr(34): ""})}">'
        f"<title>{escape(title)}</title><desc>{escape(spoken)}</desc>{''.join(drawn)}</svg>"
    )


def _row(name: str, counts: Counter[Ending], most: int, *, top: int) -> str:
    left, parts = 0.0, []
    for ending in (each for each in ORDER if counts[each]):
        width = WIDTH * counts[ending] / most
        parts.append(
            f'<rect class="{css_class(ending)}" x="{left:.1f}" y="{top + LABEL}" width="{width:.1f}" height="{BAR}"/>'
        )
        if width >= 14:
            middle = left + width / 2
            parts.append(
                f'<text class="in {css_class(ending)}" x="{middle:.1f}" y="{top + LABEL + 13}">{counts[ending]}</text>'
            )
        left += width
    return f'<text class="label" x="0" y="{top + 12}">{escape(name)}</text>{"".join(parts)}'


def css_class(ending: Ending) -> str:
    """The name of an ending in the style sheet."""
    return ending.value.replace(" ", "-")


def _spoken(counts: Counter[Ending]) -> str:
    return ", ".join(f"{counts[ending]} {ending}" for ending in ORDER if counts[ending]) or "none"
