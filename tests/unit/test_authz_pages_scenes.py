"""Every page, template and text of a page is in the scenes that tests look at and pictures are taken of."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from authz_world import open_world
from html_page import Element
from scenes import hostile, served, shown
from segue_authz.pages import render
from starlette.applications import Starlette
from starlette.routing import Route

TEMPLATES = Path(render.__file__).parent / "templates"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    folder = tmp_path_factory.mktemp("server")
    with start_blocking_portal() as portal:
        world = portal.call(lambda: open_world(folder, database_url=f"sqlite:///{folder}/authz.db", ephemeral_url=None))
        yield world.app
        portal.call(world.aclose)


def unseen(templates: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The templates that no scene is made from."""
    loader, seen = render._TEMPLATES.loader, set()
    assert loader is not None
    monkeypatch.setattr(render._TEMPLATES, "cache", None)
    load = loader.load
    monkeypatch.setattr(loader, "load", lambda *words: (seen.add(words[1]), load(*words))[1])
    shown.scenes()
    return {path.relative_to(templates).as_posix() for path in templates.rglob("*.html")} - seen


def test_every_template_is_part_of_a_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unseen(TEMPLATES, monkeypatch) == set()


def test_a_template_that_no_scene_shows_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new_page.html").write_text("A new page")
    assert unseen(tmp_path, monkeypatch) == {"new_page.html"}


def test_every_address_of_a_page_has_a_scene(app: Starlette) -> None:
    assert shown.addresses(app) - set(shown.ADDRESSES) == set()
    posted = {route.path for route in app.routes if isinstance(route, Route)}
    assert set(shown.ADDRESSES) - posted == {shown.ANYWHERE}
    kinds = {shown.kind(each.name) for each in shown.scenes()}
    assert kinds == {kind for kinds in shown.ADDRESSES.values() for kind in kinds}


def test_an_address_without_a_scene_is_noticed(app: Starlette) -> None:
    further = Starlette(routes=[*app.routes, Route("/new-page", lambda request: None)])
    assert shown.addresses(further) - set(shown.ADDRESSES) == {"/new-page"}


def test_the_server_itself_answers_with_each_kind_of_page(tmp_path: Path) -> None:
    told = {shown.kind(each.name) for each in served.served_scenes(tmp_path)}
    rendered = {shown.kind(each.name) for each in shown.scenes()}
    assert rendered - told == {"to another provider", "unproved"}  # a provider and a bound session are needed for these


def test_no_two_sentences_run_together() -> None:
    """As they do where a template ends one with a block at the end of its line."""
    together = re.compile(r"[a-z]{2}[.!?][A-Z]|\d[.!?][A-Z]|ago[a-z]")
    found = {each.name: told for each in shown.scenes() if (told := together.findall(each.page.one("main").words))}
    assert found == {}


def test_of_every_text_on_a_page_it_is_said_whether_others_choose_it() -> None:
    assert hostile.unsorted() == set()
    assert hostile.unshown() == set()


@pytest.mark.requirement("XD-CONS-03")
@pytest.mark.parametrize("kind", hostile.NAMES)
def test_a_name_is_text_isolated_and_short_wherever_it_stands(kind: str) -> None:
    """Whatever others chose is inside `<bdi>` or a field of its own direction, and never more than a few lines."""
    mark = "\u2e3b"  # a three-em dash: nothing else on a page has it
    for name, answer in hostile.pages_with(mark + hostile.NAMES[kind]):
        page = shown.Scene(name, answer).page
        assert outside(page, mark) == [], name
        assert page.all("script", src="") == []
        assert [each for each in page.all("img") if each.attributes.get("alt") != ""] == []
        assert all(len(each.words) <= 400 for each in page.all("bdi")), name


def outside(element: Element, mark: str) -> list[str]:
    """The texts with the mark that are in no element of their own direction."""
    if element.tag in ("bdi", "title"):
        return []
    found = [child for child in element.children if isinstance(child, str) and mark in child]
    return found + [text for child in element.children if isinstance(child, Element) for text in outside(child, mark)]


@pytest.mark.requirement("XD-CONS-03")
def test_a_name_that_is_not_isolated_is_noticed() -> None:
    assert outside(Element("p", {}, ["by \u2e3bDana"]), "\u2e3b") == ["by \u2e3bDana"]
