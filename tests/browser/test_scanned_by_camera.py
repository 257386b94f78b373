"""The phone page scans the desktop's screen with its own camera, under the strict policy, and can be installed."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

import pytest
from opened_devices import Devices
from PIL import Image
from playwright.sync_api import expect
from two_devices import Desktop, Phone, decide

pytestmark = [pytest.mark.browser, pytest.mark.requirement("E6", "U1", "A2")]
FRAMES = 5
WHEN_ENDED = """async () => {
    for (let look = 0; look < 100 && window.track.readyState !== "ended"; look += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return window.track.readyState;
}"""
"""The dialog says that it was closed a moment after it has gone."""


def camera(film: Path, picture: bytes) -> Sequence[str]:
    """Switches for a Chromium whose camera sees this picture, in a file of raw frames (YUV4MPEG2)."""
    seen = Image.open(io.BytesIO(picture)).convert("YCbCr")
    width, height = (side // 2 * 2 for side in seen.size)
    light, blue, red = seen.crop((0, 0, width, height)).split()
    half = (width // 2, height // 2)
    frame = b"FRAME\n" + light.tobytes() + blue.resize(half).tobytes() + red.resize(half).tobytes()
    film.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420\n".encode() + frame * FRAMES)
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]


def scan(phone: Phone) -> None:
    phone.page.goto(f"{phone.stage.site.phone}/")
    phone.page.get_by_role("button", name="Scan the code").tap()


def test_the_phone_scans_the_desktops_screen_and_takes_its_task(
    devices: Devices, desktop: Desktop, tmp_path: Path
) -> None:
    desktop.begin_task()
    desktop.offer()
    phone = devices.phone(switches=camera(tmp_path / "screen.y4m", desktop.page.screenshot()))
    sent = len(phone.witness.urls())
    scan(phone)
    expect(phone.page.get_by_text("You scanned a code.")).to_be_visible()
    expect(phone.page.locator("#scan")).to_be_hidden()
    assert not any(url.startswith(phone.stage.site.issuer) for url in list(phone.witness.urls())[sent:])
    assert phone.page.evaluate("document.getElementById('scan-picture').srcObject") is None  # the camera is off
    check_value = phone.connect("Pocket phone")
    decide(desktop.review(), check_value)
    phone.pick_up()
    desktop.expect_read_only()


def test_another_kind_of_code_is_said_to_be_one_and_the_camera_goes_off(
    devices: Devices, desktop: Desktop, tmp_path: Path
) -> None:
    other = devices.phone()
    other.ask("Another phone")
    phone = devices.phone(switches=camera(tmp_path / "screen.y4m", other.page.screenshot()))
    scan(phone)
    expect(phone.page.get_by_text("That is another kind of code.")).to_be_visible()
    phone.page.evaluate("window.track = document.getElementById('scan-picture').srcObject.getTracks()[0]")
    phone.page.get_by_role("button", name="Cancel").tap()
    expect(phone.page.locator("#scan")).to_be_hidden()
    assert phone.page.evaluate(WHEN_ENDED) == "ended"
    expect(phone.page.get_by_label("Code shown on the other device")).to_be_visible()


def test_without_a_camera_or_the_right_to_use_it_the_page_says_to_type_the_code(devices: Devices) -> None:
    phone = devices.phone(switches=["--use-fake-device-for-media-stream", "--deny-permission-prompts"])
    scan(phone)
    expect(phone.page.get_by_text("type the code")).to_be_visible()
    blind = devices.phone()
    scan(blind)
    expect(blind.page.locator("#scan-status")).to_contain_text("ype the code")


def test_the_page_can_be_installed_and_only_it_may_use_the_camera(devices: Devices, desktop: Desktop) -> None:
    phone = devices.phone()
    answer = phone.page.goto(f"{phone.stage.site.phone}/")
    assert answer is not None
    assert "camera=(self)" in answer.headers["permissions-policy"]
    assert "camera=()" in phone.page.request.get(f"{phone.stage.site.desktop}/").headers["permissions-policy"]
    session = phone.context.new_cdp_session(phone.page)
    told = session.send("Page.getAppManifest")
    assert told["errors"] == []
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    home, manifest = f"{phone.stage.site.phone}/", json.loads(told["data"])
    assert {urljoin(told["url"], manifest[name]) for name in ("start_url", "scope")} == {home}
    assert urljoin(home, manifest["id"]) == home
    assert (manifest["display"], manifest["name"]) == ("standalone", "Segue demo: phone")
    for icon in manifest["icons"]:
        picture = phone.page.request.get(urljoin(told["url"], icon["src"]))
        assert (picture.status, picture.headers["content-type"].partition(";")[0]) == (200, icon["type"])
        if icon["type"] == "image/png":
            assert "{}x{}".format(*Image.open(io.BytesIO(picture.body())).size) == icon["sizes"]


@pytest.mark.requirement("XD-PUSH-08", "XD-PUSH-09")
def test_a_link_that_is_opened_on_the_open_page_is_an_offer_and_not_more(devices: Devices, desktop: Desktop) -> None:
    phone = devices.phone()
    phone.ask("Pocket phone")
    desktop.begin_task()
    desktop.offer()
    link = desktop.photographed_code()
    sent = len(phone.witness.urls())
    phone.page.evaluate("(link) => location.assign(link)", link)
    expect(phone.page.get_by_text("You scanned a code.")).to_be_visible()
    assert phone.page.url == f"{phone.stage.site.phone}/"
    assert not any(url.startswith(f"{phone.stage.site.issuer}/transfer") for url in list(phone.witness.urls())[sent:])
    check_value = phone.connect("Pocket phone")
    decide(desktop.review(), check_value)
    phone.pick_up()
