"""A report as one HTML file: no scripts, nothing loaded from elsewhere, legible on paper and on a telephone."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from segue_threats.catalogue import SEVERITIES
from segue_threats.outcome import Ending, Verdict
from segue_threats.report import chart
from segue_threats.report.content import Report

_FOLDER = Path(__file__).parent
_MEANINGS = {
    Ending.BROKEN: "an attack succeeded, or did damage",
    Ending.SKIPPED: "an attack could not be tried or does not apply; the reason is with it",
    Ending.HELD: "every attack was refused, and the honest path works before and after",
    Ending.NOT_ATTACKED: "the suite has no attack for it yet; nothing is said about it",
    Ending.BY_HAND: "no program can see it; the checklist says what to look at",
    Ending.LEFT_OUT: "not of interest in this run",
}


def render(report: Report) -> str:
    """The file's content."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css_class"] = chart.css_class
    style = Markup((_FOLDER / "report.css").read_text("utf-8"))  # noqa: S704  # ours, as is the drawing
    by_severity = chart.bars(report.by_severity(), title="Threats by severity")
    by_group = chart.bars(report.by_group(), title="Threats by group")
    return environment.get_template("report.html").render(
        report=report,
        style=style,
        by_severity=Markup(by_severity),  # noqa: S704
        by_group=Markup(by_group),  # noqa: S704
        order=chart.ORDER,
        meanings=_MEANINGS,
        Ending=Ending,
        of={ending: _gravest_first(report, ending) for ending in Ending},
        checklists=[verdict for verdict in report.selected if verdict.threat.checklist],
        mitigations=_by_mitigation(report),
    )


def _gravest_first(report: Report, ending: Ending) -> Sequence[Verdict]:
    own = [verdict for verdict in report.verdicts if verdict.ending is ending]
    return sorted(own, key=lambda verdict: SEVERITIES.index(verdict.threat.severity))


def _by_mitigation(report: Report) -> list[tuple[str, str, dict[Ending, int]]]:
    """Section, name and how the threats ended that each mitigation of RFC 10027 is to meet."""
    rows = []
    for slug, mitigation in report.catalogue.mitigations.items():
        own = [verdict.ending for verdict in report.verdicts if verdict.threat.rfc10027_mitigation == slug]
        rows.append((mitigation.section, mitigation.name, {ending: own.count(ending) for ending in chart.ORDER}))
    return rows
