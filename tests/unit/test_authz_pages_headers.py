"""XD-WEB: what the headers of pages and static files forbid, and that the pages keep to it themselves."""

import re
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from authz_page_views import CLAIMED, CONFIRM_STEP, CONSENT, ENTER_CODE, MESSAGE, ORIGIN, REQUESTED, SIGN_IN, every_page
from html_page import Element, read_page
from segue_authz import pages
from segue_authz.pages import approve, confirm, confirm_step, consent, enter_code, message, sign_in, static_routes
from starlette.applications import Starlette
from starlette.testclient import TestClient

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-type": "text/html; charset=utf-8",
}
STATIC = Path(pages.__file__).parent / "static"
HOSTILE = "</script><img src=x onerror=alert(1)>\"'><b x='{{7*7}}{% raw %}&amp;"


def directives(policy: str) -> set[str]:
    return set(policy.split("; "))


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=[static_routes()]))


@pytest.mark.requirement("XD-WEB-02", "XD-WEB-04", "XD-WEB-05", "RFC6749-10-13")
@pytest.mark.parametrize("name", every_page())
def test_every_page_carries_every_header(name: str) -> None:
    headers = every_page()[name].headers
    assert {each: headers[each] for each in HEADERS} == HEADERS
    sent = directives(headers["content-security-policy"])
    own = {"consent": ("form-action 'self'", f"form-action 'self' {ORIGIN}")}
    own["notifications"] = ("trusted-types 'none'", "trusted-types service-worker")
    common, instead = own.get(name.partition(" ")[0], ("", ""))
    assert sent == (POLICY - {common} | {instead}) - {""}
    for feature in ("camera", "microphone", "geolocation", "payment"):
        assert f"{feature}=()" in headers["permissions-policy"]


@pytest.mark.requirement("XD-WEB-10")
@pytest.mark.parametrize("name", every_page())
def test_hsts_is_sent_over_https_alone(name: str) -> None:
    assert every_page(https=True)[name].headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in every_page()[name].headers


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://app.example", "https://app.example"),
        ("http://127.0.0.1:8403", "http://127.0.0.1:8403"),
        ("com.example.app:", "com.example.app:"),
        ("http://[::1]:8403", "http:"),
        ("https://a.example; script-src *", "https:"),
        ("https://a.example\r\nSet-Cookie: a=b", "https:"),
    ],
)
def test_the_consent_policy_names_the_clients_origin_or_its_scheme_and_nothing_more(origin: str, source: str) -> None:
    sent = directives(consent(CONSENT, form_action_origin=origin).headers["content-security-policy"])
    assert sent == POLICY - {"form-action 'self'"} | {f"form-action 'self' {source}"}


@pytest.mark.parametrize("origin", ["*", "javascript:", "data:", "'unsafe-inline'", "", "com.example.app: *"])
def test_what_is_no_origin_never_gets_into_the_policy(origin: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        consent(CONSENT, form_action_origin=origin)


@pytest.mark.requirement("XD-WEB-04", "XD-WEB-05")
@pytest.mark.parametrize("name", every_page())
def test_no_page_has_inline_script_or_style_or_loads_anything_foreign(name: str) -> None:
    page = read_page(every_page()[name])
    assert page.all("style") == []
    for element in page.all():
        assert not [each for each in element.attributes if each.startswith("on") or each == "style"]
    for script in page.all("script"):
        assert (script.attributes["type"], script.text) == ("module", "")
    links = page.all("a") if name == "to another provider" else []
    loaded = [
        each.attributes[name]
        for each in page.all()
        for name in ("src", "href", "action")
        if name in each.attributes and each not in links
    ]
    assert all(re.match(r"/(?!/)|#", address) for address in loaded)


@pytest.mark.requirement("XD-WEB-04")
@pytest.mark.parametrize(
    ("show", "view"),
    [
        (sign_in, SIGN_IN),
        (enter_code, ENTER_CODE),
        (confirm, CLAIMED),
        (approve, REQUESTED),
        (confirm_step, CONFIRM_STEP),
        (message, MESSAGE),
    ],
)
def test_markup_in_any_text_is_shown_as_text(show: Any, view: Any) -> None:
    fixed = {"mode", "state", "back"}
    for field in (each.name for each in fields(view) if isinstance(getattr(view, each.name), str)):
        if field not in fixed:
            page = read_page(show(replace(view, **{field: HOSTILE})))
            assert shape(page) == shape(read_page(show(view))), field


@pytest.mark.requirement("XD-WEB-04", "RFC9396-12-b")
def test_markup_in_a_clients_and_a_tasks_texts_is_shown_as_text() -> None:
    task = replace(CONSENT.tasks[0], task_id=HOSTILE, name=HOSTILE, state=HOSTILE)
    texts = ("client_name", "client_id", "redirect_host", "proposed_name", "request")
    view = replace(CONSENT, tasks=(task, CONSENT.tasks[1]), **dict.fromkeys(texts, HOSTILE))
    page = read_page(consent(view, form_action_origin=ORIGIN))
    assert shape(page) == shape(read_page(consent(CONSENT, form_action_origin=ORIGIN)))


def shape(page: Element) -> list[str]:
    """The page's tags in order, but for the mark of a name that was shortened."""
    return [each.tag for each in page.all() if each.attributes.get("class") != "note"]


def test_what_the_pages_load_is_served_and_may_be_kept_for_ever(client: TestClient) -> None:
    page = read_page(confirm(CLAIMED))
    loaded = [each.attributes["href"] for each in page.all("link")] + [
        each.attributes["src"] for each in (*page.all("script"), *page.all("img"))
    ]
    types = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
    for address in loaded:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == types[address.rpartition(".")[2]]
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert directives(answer.headers["content-security-policy"]) == POLICY


@pytest.mark.parametrize("name", ["pages.css", "pages.000000000000.css", "..%2fviews.py", "%2e%2e/views.py", ""])
def test_no_other_file_is_served_and_a_miss_is_not_kept(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


@pytest.mark.requirement("XD-WEB-04")
def test_script_style_and_drawings_use_no_sink_and_nothing_foreign() -> None:
    for path in STATIC.iterdir():
        text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval|Function\(|://|@import|url\(", text
        )
        assert path.suffix != ".svg" or not re.search(r"<script|<style|\son\w+=|href", text)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_and_edges_stand_out_from_their_ground_as_wcag_asks(scheme: str) -> None:
    light, dark, printed = re.findall(r":root \{(.*?)\}", (STATIC / "pages.css").read_text(), re.DOTALL)
    own = {"light": "", "dark": dark, "print": printed}[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", light + own))
    for ground in ("paper", "card"):
        for text in ("ink", "muted", "accent", "warn", "danger"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["edge"], colours[ground]) >= 3
    assert contrast(colours["accent"], colours["accent-ink"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at:end], 16) / 255 for at, end in pairwise((1, 3, 5, 7))]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
