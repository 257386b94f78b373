"""Passkeys in Chromium, with an authenticator of its own: made, used without a user name, to step up, and removed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from chromium import PATIENCE, PHONE
from page_witness import Witness
from playwright.sync_api import Browser, CDPSession, Page, expect
from stage import Stage
from two_devices import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.requirement("A12", "A4", "XD-AUTH-04")]
SECURITY = "How you sign in"
_INTERNAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
NO_AUTOFILL = "if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;"


@dataclass
class Owner:
    """A person at a telephone with an authenticator in it."""

    page: Page
    stage: Stage
    cdp: CDPSession
    authenticator_id: str

    def open(self, path: str) -> None:
        self.page.goto(self.stage.site.issuer + path)

    def sign_in_by_password(self) -> None:
        self.open("/sign-in?anew=yes&acr_values=urn:segue:acr:password&return_to=/account/security")
        sign_in(self.page, self.stage.person)
        self.page.wait_for_url(re.compile("/account/security"))

    def sign_out(self) -> None:
        self.open("/")
        self.page.get_by_role("button", name="Sign out").click()
        expect(self.page.get_by_role("heading", name="You are signed out")).to_be_visible()

    def add(self, name: str) -> None:
        self.page.get_by_label("Name of the new passkey").fill(name)
        self.page.get_by_role("button", name="Add a passkey").click()

    def verified(self, *, is_user_verified: bool) -> None:
        told = {"authenticatorId": self.authenticator_id, "isUserVerified": is_user_verified}
        self.cdp.send("WebAuthn.setUserVerified", told)

    def credentials(self) -> list[dict[str, object]]:
        told = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator_id})
        return list(told["credentials"])


@contextmanager
def owner_at(chromium: Browser, stage: Stage, *, autofill: bool) -> Iterator[Owner]:
    """A browser of its own. Where passkeys are offered for autofill, this authenticator answers at once."""
    context = chromium.new_context(**PHONE)
    context.set_default_timeout(PATIENCE)
    witness = Witness(context)
    if not autofill:
        context.add_init_script(NO_AUTOFILL)
    page = context.new_page()
    cdp = context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": _INTERNAL})
    yield Owner(page, stage, cdp, made["authenticatorId"])
    assert witness.complaints == []
    context.close()


def remove_all(owner: Owner) -> None:
    """So that the next test begins as this one did."""
    for _ in owner.page.get_by_text("Change or remove").all():
        owner.page.get_by_text("Change or remove").first.click()
        owner.page.get_by_role("button", name="Remove this passkey").first.click()
        expect(owner.page.get_by_text("The passkey was removed")).to_be_visible()


def test_a_passkey_is_made_signs_in_without_a_name_steps_up_and_is_removed(chromium: Browser, stage: Stage) -> None:
    with owner_at(chromium, stage, autofill=False) as owner:
        page = owner.page
        owner.sign_in_by_password()
        owner.add("Telephone")
        expect(page.get_by_text("The passkey was added.")).to_be_visible()
        (credential,) = owner.credentials()
        assert (credential["isResidentCredential"], credential["rpId"]) == (True, "localhost")
        expect(page.get_by_role("link", name="Sign in once more")).to_be_visible()
        expect(page.get_by_role("button", name="Add a passkey")).to_have_count(0)
        owner.sign_out()

        owner.open("/sign-in?return_to=/account/security")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", name=SECURITY)).to_be_visible()
        expect(page.get_by_text("You signed in with it here.")).to_be_visible()
        owner.sign_out()

        owner.sign_in_by_password()
        page.get_by_role("link", name="Sign in once more").click()
        expect(page.get_by_text("What comes next takes a passkey.")).to_be_visible()
        expect(page.get_by_label("Password")).to_have_count(0)
        owner.verified(is_user_verified=False)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("No passkey was used.")).to_be_visible()
        owner.verified(is_user_verified=True)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", name=SECURITY)).to_be_visible()
        remove_all(owner)
        expect(page.get_by_text("You have no passkey.")).to_be_visible()
        owner.sign_out()
        owner.open("/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("This passkey was not accepted.")).to_be_visible()


def test_a_passkey_is_offered_where_a_name_would_be_typed(chromium: Browser, stage: Stage) -> None:
    """Conditional mediation: the form is never touched."""
    with owner_at(chromium, stage, autofill=True) as owner:
        page = owner.page
        owner.sign_in_by_password()
        expect(page.get_by_role("heading", name=SECURITY)).to_be_visible()
        owner.add("Telephone")
        expect(page.get_by_text("The passkey was added.")).to_be_visible()
        owner.sign_out()
        owner.open("/sign-in?return_to=/account/security")
        expect(page.get_by_role("heading", name=SECURITY)).to_be_visible()
        expect(page.get_by_text("You signed in with it here.")).to_be_visible()
        remove_all(owner)
        expect(page.get_by_text("You have no passkey.")).to_be_visible()
