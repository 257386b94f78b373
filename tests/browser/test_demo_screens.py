"""The demo's screens, while a task moves: nothing that axe finds by day or by night, nothing beside the screen."""

import pytest
from opened_devices import Devices
from scenes import axe, demo, eye

pytestmark = pytest.mark.browser


@pytest.mark.requirement("PAGES-accessible")
def test_every_screen_of_a_transfer_can_be_seen_and_read(devices: Devices) -> None:
    found, seen = {}, []
    for name, page in demo.screens(devices):
        told = axe.violations(page) + eye.wider_than_the_screen(page)
        page.emulate_media(color_scheme="dark")
        told += axe.violations(page, rules=axe.COLOURS)
        page.emulate_media(color_scheme="light")
        seen.append(name)
        found |= {name: told} if told else {}
    assert tuple(seen) == demo.SCREENS
    assert found == {}
