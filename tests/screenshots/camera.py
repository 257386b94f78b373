"""Takes the pictures in Chromium: still, whole, and in few colours."""

import io
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from chromium import SWITCHES, executable
from opened_devices import opened_devices
from PIL import Image
from playwright.sync_api import Page, Playwright
from scenes import demo, shown
from scenes.site import SceneSite, stay
from stage import embedded_stage

from screenshots.picture import DemoPicture, Picture, demo_pictures

COLOURS = 24
JOB_SECONDS = 40
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}


def taken(playwright: Playwright, site: SceneSite, wanted: Iterable[Picture]) -> Iterator[tuple[Picture, bytes]]:
    """Each picture, as a PNG. The clocks of the pages stand still."""
    browser = playwright.chromium.launch(executable_path=executable(), args=SWITCHES)
    page = browser.new_page()
    stay(page.context)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    languages: dict[str, dict[str, str]] = {}
    for each in wanted:
        if each.language not in languages:
            spoken = {one.name: one.answer for one in shown.scenes(each.language)}
            languages[each.language] = site.show({f"{each.language} {name}": page for name, page in spoken.items()})
        page.set_viewport_size(DESKTOP if each.wide else PHONE)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="dark" if each.dark else "light", reduced_motion="reduce")
        page.goto(languages[each.language][f"{each.language} {each.scene}"])
        yield each, whole(page)
    browser.close()


def whole(page: Page) -> bytes:
    """All of a page: the screen grows for it, so that what stays at its foot is where it belongs."""
    size = page.viewport_size
    assert size is not None
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
    return small(page.screenshot(animations="disabled", scale="css"))


def demo_screens(playwright: Playwright) -> Iterator[tuple[DemoPicture, bytes]]:
    """Each screen of the demo, while a task moves."""
    with tempfile.TemporaryDirectory() as folder:
        stage_folder, browsers = Path(folder, "stage"), Path(folder, "browsers")
        stage_folder.mkdir()
        browsers.mkdir()
        with (
            embedded_stage(stage_folder, job_seconds=JOB_SECONDS) as stage,
            opened_devices(playwright, stage, browsers) as devices,
        ):
            for name, page in demo.screens(devices):
                for each in demo_pictures():
                    if each.screen == name:
                        yield each, _seen(page, dark=each.dark)


def _seen(page: Page, *, dark: bool) -> bytes:
    """What is on the screen."""
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    picture = page.screenshot(animations="disabled", scale="css")
    page.emulate_media(color_scheme="light")
    return small(picture)


def small(picture: bytes) -> bytes:
    """The same in a palette: these pages have few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def keep(folder: Path, file: str, picture: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(picture)
