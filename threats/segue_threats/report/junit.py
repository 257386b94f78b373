"""A report as JUnit XML: a suite for each group, a case for each attack, and one for each threat without any."""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from segue_threats.outcome import Ending, Outcome, Verdict
from segue_threats.report.content import Report

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> bytes:
    """The file's content."""
    suites = Element("testsuites", name=report.suite)
    for slug, name in report.catalogue.groups.items():
        verdicts = [verdict for verdict in report.selected if verdict.threat.group == slug]
        if verdicts:
            _suite(suites, name, verdicts)
    content: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return content


def _suite(suites: Element, name: str, verdicts: list[Verdict]) -> None:
    suite = SubElement(suites, "testsuite", name=name)
    for verdict in verdicts:
        for outcome in verdict.outcomes:
            _case(suite, verdict, outcome)
        if not verdict.outcomes:
            case = SubElement(suite, "testcase", classname=verdict.threat.id, name=verdict.threat.title, time="0")
            SubElement(case, "skipped", message=verdict.reason)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _case(suite: Element, verdict: Verdict, outcome: Outcome) -> None:
    seconds = f"{outcome.seconds:.2f}"
    case = SubElement(suite, "testcase", classname=verdict.threat.id, name=outcome.attack.name, time=seconds)
    if outcome.ending is Ending.HELD:
        return
    kind = "failure" if outcome.ending is Ending.BROKEN else "skipped"
    told = SubElement(case, kind, message=_legible(outcome.reason))
    told.text = _legible("\n\n".join(f"{line.kind}: {line.text}" for line in outcome.evidence))


def _legible(text: str) -> str:
    """Without characters that XML has no place for."""
    return _NOT_XML.sub("\ufffd", text)
