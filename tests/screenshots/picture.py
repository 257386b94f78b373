"""Which pictures there are, of which scene each is, and what shows that it is of the page as it stands."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scenes import demo, shown
from segue_demo import desktop

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "specs" / "pages"
DIGESTS = FOLDER / "pictures.json"
KEY = (
    "sign-in by others",
    "consent",
    "approve requested",
    "confirm claimed",
    "devices",
    "account security linked elsewhere",
)
"""The scenes that are shown on a desktop and by night as well, and in a language from right to left."""
LANGUAGES = {"de": "Deutsch", "ar": "العربية"}
DEMO_BY_NIGHT = ("desktop works", "phone works")
_DEMO_FILES = Path(desktop.__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Picture:
    """Of one scene: at a width, by day or by night, in a language."""

    scene: str
    wide: bool = False
    dark: bool = False
    language: str = "en"

    @property
    def file(self) -> str:
        marks = ["desktop"] * self.wide + ["dark"] * self.dark + [self.language] * (self.language != "en")
        return ".".join([slug(self.scene), *marks, "png"])


@dataclass(frozen=True, slots=True)
class DemoPicture:
    """Of one screen of the demo, by day or by night."""

    screen: str
    dark: bool = False

    @property
    def file(self) -> str:
        return f"demo-{slug(self.screen)}{'.dark' * self.dark}.png"


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def pictures() -> Iterator[Picture]:
    """Of every scene one on a phone by day, and of the key scenes the others."""
    for each in shown.scenes():
        yield Picture(each.name)
        if each.name in KEY:
            yield Picture(each.name, dark=True)
            yield Picture(each.name, wide=True)
            yield Picture(each.name, wide=True, dark=True)
    for language in LANGUAGES:
        yield Picture("approve requested", language=language)


def demo_pictures() -> Iterator[DemoPicture]:
    for name in demo.SCREENS:
        yield DemoPicture(name)
        if name in DEMO_BY_NIGHT:
            yield DemoPicture(name, dark=True)


def digests() -> dict[str, str]:
    """What each picture has to be of."""
    of_demo = _digest("\n".join(_of_demo(path) for path in sorted(_DEMO_FILES.glob("*.*"))))
    of_pages = {each.file: _digest(_looks(each.language)[each.scene]) for each in pictures()}
    return of_pages | {each.file: of_demo for each in demo_pictures()}


def recorded() -> dict[str, str]:
    """What they were taken of."""
    kept: dict[str, str] = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    return kept


@cache
def _looks(language: str) -> dict[str, str]:
    return {each.name: each.looks() for each in shown.scenes(language)}


def _of_demo(path: Path) -> str:
    return path.read_text() if path.suffix in (".html", ".css", ".js") else path.name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
