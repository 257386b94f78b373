"""The pages that the lab writes, as people read them: on a telephone, at night, and on paper with all evidence."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from segue_threats.catalogue import load
from segue_threats.evidence import Line
from segue_threats.relay.adversaries import ADVERSARIES
from segue_threats.relay.experiment import Try
from segue_threats.relay.ground import GROUNDS, PLAIN
from segue_threats.relay.result import Result
from segue_threats.report import relay, sections
from segue_threats.sections.attacks import PLAYED
from segue_threats.sections.book import put_together
from segue_threats.sections.run import Found, Run
from segue_threats.staging.person import MODELS
from segue_threats.staging.segue_server import meanings, preset_values

pytestmark = [pytest.mark.browser, pytest.mark.requirement("U3")]
CONTRAST = 4.5
"""Of text, WCAG 2.2 success criterion 1.4.3."""
LUMINANCE = """color => {
  const [r, g, b] = color.match(/[0-9.]+/g).map(Number).map(c => (c /= 255) <= 0.04045 ? c / 12.92
    : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""


def relay_page() -> str:
    """Of tries that nobody made."""
    cells = itertools.product(ADVERSARIES, MODELS, GROUNDS)
    made = [
        Try(adversary.slug, model.slug, ground, "1", succeeded=ground == PLAIN, ended="the server: no such code")
        for adversary, model, ground in cells
        if adversary.flow == "pull" or ground != PLAIN
    ]
    return relay.render(Result(made, ADVERSARIES, MODELS, GROUNDS, 1, 1, "2026-01-01 00:00 UTC", 1.0))


def section_pages() -> dict[str, str]:
    """Of runs that nobody made."""
    evidence = (Line("step", "it begins"), Line("request", "POST /token"), Line("answer", "400 " + "x" * 400))
    found = [
        Found(
            played,
            Run(True, "it is got", evidence),
            Run(False, "the page: no", evidence),
            Run(True, "", evidence),
            {f"{slug}-on": {slug: ["one", "two"]}},
        )
        for slug, played in PLAYED.items()
    ]
    of = {"values": preset_values(), "meanings": meanings()}
    return sections.render(put_together(found, load(), at="2026-01-01 00:00 UTC", seconds=1.0, **of))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("lab")
    for name, content in {"relay.html": relay_page(), **section_pages()}.items():
        (folder / name).write_text(content, "utf-8")
    return {file.name: file for file in folder.iterdir()}


@pytest.fixture(params=["light", "dark"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    opened = chromium.new_page(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    yield opened
    opened.close()


def contrast(page: Page, selector: str) -> float:
    """Between the text and what is behind it."""
    shades = "element => { let behind = element, colour; do colour = getComputedStyle(behind).backgroundColor; "
    shades += "while (colour === 'rgba(0, 0, 0, 0)' && (behind = behind.parentElement)); "
    shades += "return [getComputedStyle(element).color, colour]; }"
    found = page.locator(selector).first.evaluate(shades)
    brighter, darker = sorted((page.evaluate(f"({LUMINANCE})('{colour}')") for colour in found), reverse=True)
    return float((brighter + 0.05) / (darker + 0.05))


def test_every_page_fits_a_telephone(page: Page, written: dict[str, Path]) -> None:
    assert len(written) == 19
    for name, file in written.items():
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 360, name


@pytest.mark.parametrize(
    ("name", "selectors"),
    [
        ("relay.html", ["h1", ".soft", ".conclusion", "table.figures td", ".times"]),
        ("index.html", ["a", ".mark.reached", ".mark.stopped", "table .soft", "code"]),
        ("6.1.1-establish-proximity.html", ["pre.policy", ".mark.stopped", ".tag.critical", ".side .soft"]),
    ],
)
def test_words_stand_out_from_what_is_behind_them(
    page: Page, written: dict[str, Path], name: str, selectors: list[str]
) -> None:
    page.goto(written[name].as_uri())
    assert [each for each in selectors if contrast(page, each) < CONTRAST] == []


def test_on_paper_the_evidence_is_there_without_a_click(page: Page, written: dict[str, Path]) -> None:
    page.goto(written["6.1.12-sender-constrained-tokens.html"].as_uri())
    evidence = page.locator("ol.evidence pre").first
    assert not evidence.is_visible()
    page.emulate_media(media="print")
    assert evidence.is_visible()
    assert not page.locator("nav.around").is_visible()
    assert contrast(page, "h1") > 12  # dark on light, whatever the screen was
