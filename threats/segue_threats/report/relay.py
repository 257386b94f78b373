"""The relay lab's result as one HTML file: the plot, the counts, the scripts, and what was not measured."""

from markupsafe import Markup

from segue_threats.relay.result import NOT_MEASURED, Result
from segue_threats.report import rates
from segue_threats.report.sheet import sheet
from segue_threats.staging.segue_server import POLICIES, preset_values


def render(result: Result) -> str:
    """The file's content."""
    values = preset_values()
    return sheet("relay.html").render(
        result=result,
        plots=[(each, Markup(_plot(result, each.slug))) for each in result.adversaries],  # noqa: S704  # ours
        policies=[name for name in result.grounds if name in POLICIES],
        mitigations=values.items(),
        not_measured=NOT_MEASURED,
    )


def _plot(result: Result, slug: str) -> str:
    (adversary,) = [each for each in result.adversaries if each.slug == slug]
    cells = [(ground, result.cell(adversary, ground)) for ground in result.grounds]
    return rates.bars([(ground, cell.successes, cell.tries) for ground, cell in cells], title=adversary.name)
