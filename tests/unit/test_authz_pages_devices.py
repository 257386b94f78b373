"""A10, XD-CONS-09: the person sees afterwards what can reach which task, and can end it."""

from dataclasses import replace
from typing import Any

import pytest
from authz_page_views import CONFIRM_STEP, DEVICES, NOW
from html_page import Element, form_of, read_page
from segue_authz.pages import Devices, TransferRow, account, confirm_step, devices
from segue_authz.pages.names import display_name

pytestmark = pytest.mark.requirement("A10", "XD-CONS-09")
PHONE, DESK = DEVICES.devices
STATES = ("requested", "offered", "claimed", "approved", "redeemed", "denied", "cancelled", "expired", "reported")


def shown(view: Devices) -> Element:
    return read_page(devices(view))


def rows(page: Element, fact: str) -> list[Element]:
    return page.all("article", data_fact=fact)


def test_each_device_is_told_with_what_it_says_and_what_we_know() -> None:
    phone, desk = rows(shown(DEVICES), "device")
    texts = {name: phone.fact(name).text for name in ("device_name", "client_name", "network")}
    assert texts == {"device_name": "Blue phone", "client_name": "Segue phone", "network": "192.0.2.7"}
    assert phone.fact("created_at").words == "1 day ago"
    assert "Not known" in desk.words
    assert [len(each.all(data_fact="this_device")) for each in (phone, desk)] == [0, 1]
    (claimed,) = phone.all(_class="claim")
    assert phone.fact("device_name") in claimed.all()
    assert phone.fact("client_name") not in claimed.all()


def test_each_access_is_told_with_its_right_its_way_and_its_use() -> None:
    first, second = shown(DEVICES).all("form", data_fact="access")
    assert first.one("p").words == (
        "Acme contract revision Can work on it. Moved here 2 hours ago. Last used 60 seconds ago."
    )
    assert second.one("p").words == "Quarterly report Can only read it. Allowed 1 day ago. Not used yet."


def test_every_form_sends_the_token_and_exactly_one_thing_to_end() -> None:
    page = shown(DEVICES)
    sent = []
    for button in page.all("button"):
        form = form_of(page, button)
        assert (form.attributes["method"], form.attributes["action"]) == ("post", "/devices")
        assert form.fields() == {"csrf": "form-token"}
        assert form.all("button") == [button]
        sent.append((button.attributes["name"], button.attributes["value"]))
    assert sent == [
        ("revoke_grant", "grt_1"),
        ("revoke_grant", "grt_2"),
        ("revoke_device", "dev_1"),
        ("revoke_all", "yes"),
        ("report", "trf_1"),
        ("report", "trf_2"),
        ("report", "trf_3"),
    ]


def test_every_button_says_what_it_ends_and_points_to_what_that_is() -> None:
    page = shown(DEVICES)
    described = [
        (each.words, page.one(id=each.attributes["aria-describedby"]).words.partition(" Can ")[0])
        for each in page.all("button")
        if "aria-describedby" in each.attributes
    ]
    assert described == [
        ("End this access", "Acme contract revision"),
        ("End this access", "Quarterly report"),
        ("End all access of this device", "Blue phone"),
        ("I did not start this…", "Acme contract revision"),
        ("I did not start this…", "No task was chosen"),
        ("I did not start this…", "Quarterly report"),
    ]
    (everything,) = page.all("button", name="revoke_all")
    assert everything.words == "End all access of all devices…"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "Moved Passed on from a device of yours, 2 hours ago"),
        ({"mode": "share", "direction": "pull"}, "Shared Asked for by the other device, 2 hours ago"),
        ({"mode": None}, "Received Passed on from a device of yours, 2 hours ago"),
        ({"state": "approved"}, "Approved, not picked up yet Passed on from a device of yours, 2 hours ago"),
        ({"state": "denied", "at": NOW}, "Not approved Passed on from a device of yours, just now"),
    ],
)
def test_a_transfer_is_told_with_its_end_its_beginning_and_its_age(change: dict[str, Any], words: str) -> None:
    (transfer,) = rows(shown(replace(DEVICES, transfers=(replace(DEVICES.transfers[0], **change),))), "transfer")
    assert transfer.all("p")[0].words == words


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_words_of_its_own_and_can_be_reported_once(state: str) -> None:
    (transfer,) = rows(shown(replace(DEVICES, transfers=(replace(DEVICES.transfers[0], state=state),))), "transfer")
    assert transfer.fact("state").attributes["data-value"] == state
    assert len(transfer.all("button", name="report")) == (state != "reported")


def test_what_has_no_words_is_never_shown() -> None:
    (access, _), transfer = PHONE.access, DEVICES.transfers[0]
    unknown = [
        *(replace(DEVICES, transfers=(replace(transfer, **{name: "x"}),)) for name in ("state", "mode", "direction")),  # type: ignore[arg-type]
        *(
            replace(DEVICES, devices=(replace(PHONE, access=(replace(access, **{name: "x"}),)),))  # type: ignore[arg-type]
            for name in ("access", "mode")
        ),
    ]
    for view in unknown:
        with pytest.raises(KeyError):
            devices(view)


def test_without_devices_and_transfers_the_page_says_so_and_ends_nothing() -> None:
    page = shown(replace(DEVICES, devices=(), transfers=()))
    assert "No device can reach a task of yours." in page.words
    assert "There have been no transfers." in page.words
    assert page.all("button") == []
    assert "It can reach no task now." in shown(DEVICES).words


def test_what_was_done_is_announced() -> None:
    assert shown(replace(DEVICES, notice="That access has ended.")).one(role="status").words == "That access has ended."
    assert shown(DEVICES).all(role="status") == []


@pytest.mark.requirement("XD-CONS-03", "XD-WEB-04")
@pytest.mark.parametrize("raw", ["</h3><script>alert(1)</script>", "Blue\u202ephone", "W" * 10_000, "\u200b"])
def test_names_dressed_to_deceive_are_cleaned_and_stay_text(raw: str) -> None:
    access = replace(PHONE.access[0], task_name=raw)
    transfer = TransferRow("trf_1", "push", raw, raw, raw, "192.0.2.7", "move", "redeemed", NOW)
    view = replace(
        DEVICES,
        devices=(replace(PHONE, name=raw, client_name=raw, access=(access,)),),
        transfers=(transfer,),
    )
    page = shown(view)
    for fact, limit in (("device_name", 32), ("client_name", 32), ("task_name", 64)):
        expected = display_name(raw, limit=limit).text or "No readable name"
        assert {each.text for each in page.all(data_fact=fact)} == {expected}
    assert {each.text for each in page.all("script")} == {""}


def test_before_everything_ends_the_person_is_asked_once_more_and_going_back_has_the_focus() -> None:
    page = read_page(confirm_step(CONFIRM_STEP))
    (button,) = page.all("button")
    form = form_of(page, button)
    assert (form.attributes["method"], form.attributes["action"]) == ("post", "/devices")
    assert form.fields() == {"csrf": "form-token", "revoke_all": "yes", "sure": "yes"}
    (focused,) = [each for each in page.all() if "autofocus" in each.attributes]
    assert (focused.words, focused.attributes["href"]) == ("Go back", "/devices")
    assert button.words == "End all access"
    assert page.one("h1").words == "End all access?"


@pytest.mark.requirement("XD-WEB-04")
@pytest.mark.parametrize("back", ["javascript:alert(1)", "//evil.example", "/\\evil.example"])
def test_going_back_never_leads_to_a_script_or_elsewhere(back: str) -> None:
    with pytest.raises(ValueError, match="a page links to"):
        confirm_step(replace(CONFIRM_STEP, back=back))


def test_the_start_page_leads_to_everything_and_says_how_many_requests_wait() -> None:
    page = read_page(account("Dana Example", "form-token", waiting=2))
    links = [each.attributes["href"] for each in page.one("ul").all("a")]
    assert links == ["/requests", "/devices", "/device", "/user-code", "/notices", "/account/security"]
    assert page.fact("waiting").words == "2 wait."
