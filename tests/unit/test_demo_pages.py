"""The demo's pages: what they may load, where they may connect, and what their code must not contain."""

import re
from pathlib import Path

import pytest
from segue_demo import desktop, phone
from segue_demo.pages import STATIC
from segue_demo.site import PHONE_ACTIONS, Site
from starlette.testclient import TestClient

SITE = Site.at("localhost", (8400, 8401, 8402, 8403, 8404))
OWN_MODULES = [path for path in STATIC.rglob("*.js") if "vendor" not in path.parts]
PAGES = {"desktop": desktop.create_app(SITE), "phone": phone.create_app(SITE)}


@pytest.mark.requirement("E6", "RFC6749-3-1-2-5")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_may_talk_to_its_three_servers_and_to_nobody_else(page: str) -> None:
    with TestClient(PAGES[page]) as client:
        answer = client.get("/")
    policy = dict(part.partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["connect-src"] == "'self' http://localhost:8400 http://localhost:8401 http://localhost:8402"
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'self'")
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("page", PAGES)
def test_everything_a_page_names_is_served_under_the_same_headers(page: str) -> None:
    with TestClient(PAGES[page]) as client:
        html = client.get("/").text
        for path in [*re.findall(r'(?:src|href)="(static/[^"]+)"', html), "config.json"]:
            answer = client.get(f"/{path}")
            assert (answer.status_code, "Content-Security-Policy" in answer.headers) == (200, True), path
    assert not re.search(r"<script(?![^>]*(\bsrc=| type=\"application/json\"))|\son\w+=|\sstyle=|<style", html)


@pytest.mark.requirement("E6")
def test_the_settings_of_the_page_hold_no_secret() -> None:
    with TestClient(PAGES["phone"]) as client:
        assert client.get("/config.json").json() == {
            "issuer": SITE.issuer,
            "store": SITE.store,
            "agent": SITE.agent,
            "client_id": SITE.phone_client_id,
            "actions": sorted(PHONE_ACTIONS),
            "self_made_certificate": False,
        }


@pytest.mark.requirement("XD-PUSH-08")
@pytest.mark.parametrize("module", OWN_MODULES, ids=lambda path: str(path.relative_to(STATIC)))
def test_no_module_makes_markup_of_text_or_keeps_anything_outside_the_vault(module: Path) -> None:
    text = module.read_text()
    markup = r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b"
    elsewhere = r"\b(localStorage|sessionStorage|document\.cookie)\b"
    assert not re.search(f"{markup}|{elsewhere}", text)
    assert "indexedDB" not in text or module.name == "vault.js"


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("module", OWN_MODULES, ids=lambda path: str(path.relative_to(STATIC)))
def test_every_module_a_module_imports_is_there(module: Path) -> None:
    for name in re.findall(r'from "(\.[^"]+)"', module.read_text()):
        assert (module.parent / name).is_file(), name
