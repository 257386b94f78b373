"""How often an adversary succeeds, as inline SVG: a bar for each server, its count in words beside it."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

ROW, BAR, WIDTH, FROM, TO = 22, 12, 320, 96, 258
"""In units of the drawing; names stand left of the bars, counts right of them."""


def bars(rows: Sequence[tuple[str, int, int]], *, title: str) -> str:
    """A row is a server, successes, tries. Without tries it is said that there is no such attack."""
    drawn = "".join(_row(*row, top=number * ROW) for number, row in enumerate(rows))
    spoken = "; ".join(f"{name}: {_words(successes, tries)}" for name, successes, tries in rows)
    return (
        f'<svg class="rates" viewBox="0 0 {WIDTH} {len(rows) * ROW}" role="img" '
        f'aria-label="{escape(title, {chr(34): ""})}"><title>{escape(title)}</title><desc>{escape(spoken)}</desc>'
        f"{drawn}</svg>"
    )


def _row(name: str, successes: int, tries: int, *, top: int) -> str:
    middle, words = top + 15, escape(_words(successes, tries))
    parts = [f'<text class="label" x="0" y="{middle}">{escape(name)}</text>']
    if tries:
        width = (TO - FROM) * successes / tries
        parts.append(f'<rect class="all" x="{FROM}" y="{top + 5}" width="{TO - FROM}" height="{BAR}"/>')
        parts.append(f'<rect class="got" x="{FROM}" y="{top + 5}" width="{width:.1f}" height="{BAR}"/>')
        parts.append(f'<text class="label" x="{TO + 6}" y="{middle}">{words}</text>')
    else:
        parts.append(f'<text class="label none" x="{FROM}" y="{middle}">{words}</text>')
    return "".join(parts)


def _words(successes: int, tries: int) -> str:
    return f"{successes} of {tries}" if tries else "has no such flow"
