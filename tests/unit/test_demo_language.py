"""In which language the demo's pages come, and how little has to come before they can be used."""

import json
import re

import pytest
from segue_demo import desktop, phone
from segue_demo.language import LANGUAGES, Language
from segue_demo.site import Site
from starlette.testclient import TestClient

pytestmark = pytest.mark.requirement("U1")
SITE = Site.at("localhost", (8400, 8401, 8402, 8403, 8404))
PAGES = {"desktop": desktop.create_app(SITE), "phone": phone.create_app(SITE)}
BUDGET = {"phone": 45_000, "desktop": 75_000}
"""Bytes, compressed, in the longest language: all that a page needs before its first screen."""


def client(page: str = "phone", *, accept: str = "") -> TestClient:
    return TestClient(PAGES[page], headers={"Accept-Language": accept}, follow_redirects=False)


def root(html: str) -> tuple[str, str]:
    found = re.search(r'<html lang="(\w+)" dir="(\w+)">', html)
    assert found is not None
    return found[1], found[2]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", ("en", "ltr")),
        ("de-AT,de;q=0.9", ("de", "ltr")),
        ("fr, ar-EG;q=0.8, de;q=0.7", ("ar", "rtl")),
        ("de;q=0.1, en;q=0.9", ("en", "ltr")),
        ("de;q=0, tlh", ("en", "ltr")),
        (";;q=,,,=~;de;q=x", ("en", "ltr")),
        ("x" * 10_000, ("en", "ltr")),
    ],
)
def test_a_page_speaks_the_first_language_that_the_browser_asks_for(accept: str, expected: tuple[str, str]) -> None:
    answer = client(accept=accept).get("/")
    assert (answer.status_code, root(answer.text)) == (200, expected)
    assert answer.headers["Content-Language"] == expected[0]
    assert {"Accept-Language", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_a_choice_is_kept_and_counts_for_more_than_the_browser() -> None:
    browser = client(accept="de")
    answer = browser.get("/?lang=ar&code=1&state=2")
    assert (answer.status_code, answer.headers["Location"]) == (303, "./?code=1&state=2")
    assert re.search("HttpOnly; Max-Age=31536000; Path=/; SameSite=lax$", answer.headers["Set-Cookie"])
    assert root(browser.get("/").text) == ("ar", "rtl")
    assert root(browser.get("/", headers={"Accept-Language": "de"}).text) == ("ar", "rtl")
    browser.get("/?lang=en")
    assert root(browser.get("/").text) == ("en", "ltr")


def test_over_https_the_choice_goes_over_https_alone() -> None:
    answer = TestClient(PAGES["phone"], base_url="https://phone.example", follow_redirects=False).get("/?lang=de")
    assert "; Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("lang", ["", "fr", "../de", "de\r\nSet-Cookie: x=y", "x" * 5000])
def test_a_language_that_is_none_changes_nothing(lang: str) -> None:
    answer = client().get("/", params={"lang": lang})
    assert (answer.status_code, answer.headers["Location"], "Set-Cookie" in answer.headers) == (303, "./", False)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_the_switch_names_every_language_in_itself_and_marks_the_one_in_use(page: str, language: Language) -> None:
    tag = language.tag
    html = client(page, accept=tag).get("/").text
    for one in LANGUAGES:
        current = ' aria-current="true"' if one.tag == tag else ""
        link = f'<a href="?lang={one.tag}" lang="{one.tag}" hreflang="{one.tag}" dir="{one.direction}"{current}>'
        assert f"{link}{one.name}</a>" in html


def test_the_modules_get_the_words_of_the_language_as_data() -> None:
    html = client(accept="de").get("/").text
    found = re.search(r'<script id="catalogue" type="application/json">(.*)</script>', html)
    assert found is not None
    assert "<" not in found[1]
    assert json.loads(found[1])["Try again"] == "Noch einmal versuchen"


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_needs_before_its_first_screen_is_small(page: str) -> None:
    """On 400 kbit/s it is a second. The code's encoder and decoder and, on the phone, the task come when wanted."""
    with client(page, accept="ar") as browser:
        html = browser.get("/")
        assert html.headers["Content-Encoding"] == "gzip"
        paths = set(re.findall(r'(?:src|href)="(static/[^"]+\.(?:js|css))"', html.text))
        assert not any("vendor" in path for path in paths)
        assert ("static/task_view.js" in paths) == (page == "desktop")
        size = int(html.headers["Content-Length"])
        for path in paths:
            with browser.stream("GET", f"/{path}") as answer:
                size += sum(len(part) for part in answer.iter_raw())
    assert 20_000 < size < BUDGET[page]
