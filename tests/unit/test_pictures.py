"""The pictures in `specs/pages` are of the pages as they are: whoever changes one takes them anew."""

import re

import pytest
from screenshots import picture
from screenshots.gallery import gallery

pytestmark = pytest.mark.requirement("PAGES-pictured")
ANEW = "take them anew: cd tests && ../.venv/bin/python -m screenshots"
MOST = 2_500_000
"""Bytes of all together, in a repository that people clone."""


def test_every_picture_is_of_the_page_as_it_is() -> None:
    wanted, there = picture.digests(), picture.recorded()
    changed = sorted(file for file in wanted.keys() | there.keys() if wanted.get(file) != there.get(file))
    assert changed == [], ANEW


def test_every_picture_is_there_and_no_other() -> None:
    files = {path.name: path for path in picture.FOLDER.glob("*.png")}
    assert set(files) == set(picture.digests()), ANEW
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files.values())
    assert sum(path.stat().st_size for path in files.values()) < MOST


def test_the_page_that_shows_them_shows_them_all() -> None:
    page = (picture.FOLDER / "README.md").read_text()
    assert page == gallery(), ANEW
    assert [file for file in picture.digests() if f'src="{file}"' not in page] == []


def test_the_readme_shows_pictures_that_there_are() -> None:
    shown = re.findall(r'<img src="([^"]+)"', (picture.ROOT / "README.md").read_text())
    assert len(shown) >= 4
    assert [file for file in shown if not (picture.ROOT / file).exists()] == []


def test_a_page_that_says_another_thing_is_another_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    before = picture.digests()
    looks = {name: said.replace("Decline", "Refuse") for name, said in picture._looks("en").items()}
    monkeypatch.setattr(picture, "_looks", lambda language: looks)
    changed = {file for file, digest in picture.digests().items() if digest != before[file]}
    assert {"approve-requested.png", "approve-requested.desktop.dark.png", "consent.png"} <= changed
    assert "sign-in.png" not in changed
