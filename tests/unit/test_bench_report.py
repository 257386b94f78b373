"""The bench's report: every figure, every target with why it is missed, and nothing that names the machine."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from segue_bench import report
from segue_bench.environment import environment
from segue_bench.measure import Figure, Of, Result, at_least, at_most
from segue_bench.report.content import Run

pytestmark = pytest.mark.requirement("E5")
RESULT = Result(
    [
        Figure.times("bread", [[50, 51], [50, 52]], of=Of.FLOOR, group="one"),
        Figure.times("cake <b>&", [[60, 61], [62, 63]], of=Of.SEGUE, group="one"),
        Figure.rates("pies", [7, 9], of=Of.PEER, group="two"),
    ],
    [at_most("cake | bread", 1.6, 1.4, reason="butter is dear"), at_least("faster than pies", 3.5, 3, reason="unsaid")],
    {"oven": "5.3"},
    {"buns": "nobody bakes them <here>"},
    ["A cake has two eggs."],
    "60 %  whisk",
    subject="cakes",
    about="cakes, beside bread",
)
RUN = Run([RESULT], {"processor": "a fast one", "load": "0.1 before; 0.2 after"}, seconds=12.3, quick=True)


class Tags(HTMLParser):
    """Which elements there are, and what text."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        assert not any(name in ("src", "href", "onload") and value and value[0] != "#" for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def written(tmp_path: Path) -> Path:
    report.write(RUN, tmp_path / "figures")
    return tmp_path / "figures"


def test_text_for_people_has_figures_targets_reasons_and_what_is_missing() -> None:
    lines = report.text(RUN).splitlines()
    assert lines[0] == "cakes: cakes, beside bread"
    assert lines[3].split() == ["bread", "50.5", "52.0", "1.00"]
    assert any(line.split() == ["cake", "<b>&", "61.5", "63.0", "1.21"] for line in lines)
    assert any(line.startswith("  MISSED  cake | bread: at most 1.4 times") for line in lines)
    assert [line.strip() for line in lines if "butter" in line] == ["butter is dear"]
    assert "unsaid" not in report.text(RUN)
    assert "  not measured: buns: nobody bakes them <here>" in lines
    assert lines[-2] == "1 of 2 targets missed, in a quick run of 12 s."


def test_markdown_is_tables_that_no_cell_breaks(written: Path) -> None:
    text = (written / "bench.md").read_text("utf-8")
    assert "| cake \\| bread | 1.60 times | at most 1.4 times | **no**: butter is dear |" in text
    assert "| pies | 8.00 |  |  | 2 |" in text
    assert "60 %  whisk" in text
    rows = [line for line in text.splitlines() if line.startswith("|") and "cake <b>" in line]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [6]


def test_html_is_one_file_without_scripts_in_which_nothing_measured_is_markup(written: Path) -> None:
    page = Tags()
    page.feed((written / "bench.html").read_text("utf-8"))
    assert not {"script", "link", "img", "iframe", "b>"} & set(page.names)
    assert page.names.count("svg") == 2
    assert page.names.count("rect") == 3
    for said in ("cake <b>&", "nobody bakes them <here>", "butter is dear", "1 of 2 targets missed", "60 %  whisk"):
        assert said in page.text


def test_programs_get_every_figure_and_whether_targets_are_met(written: Path) -> None:
    document = json.loads((written / "bench.json").read_text("utf-8"))
    (result,) = document["results"]
    assert [figure["median"] for figure in result["figures"]] == [50.5, 61.5, 8]
    assert [target["met"] for target in result["targets"]] == [False, True]
    assert document["conditions"] == RUN.conditions


def test_the_environment_names_neither_host_nor_folder() -> None:
    known = environment()
    assert known.keys() == {"processor", "cores", "memory", "system", "python", "packages"}
    assert all(known.values())
    told = json.dumps(known)
    for secret in (Path("/etc/hostname").read_text().strip(), str(Path.home()), str(Path.cwd())):
        assert secret not in told.replace("/", "\0/") or len(secret) < 3
