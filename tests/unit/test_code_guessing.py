"""The arithmetic of specs/code-guessing.md, from the constants in the code."""

import pytest
from segue_authz.domain.policy import BALANCED
from segue_authz.domain.transfer import CHECK_VALUE_ATTEMPTS
from segue_authz.domain.transfer_code import ALPHABET, LENGTH, generate, normalise
from segue_authz.endpoints.device import FOR_ALL, PER_ACCOUNT, WINDOW

SPACE = len(set(ALPHABET)) ** LENGTH
LIVE = 1_000
USER_CODE_LIFETIME = 2 * BALANCED.short_lived_codes


@pytest.mark.requirement("A1", "XD-PULL-04", "RFC8628-6-1", "RFC10027-6-1-11", "RFC6749-10-10-b")
def test_guessing_any_of_a_thousand_live_user_codes_has_a_chance_of_one_in_ten_thousand() -> None:
    tries = FOR_ALL * USER_CODE_LIFETIME / WINDOW
    assert LIVE * tries / SPACE < 1.0e-4
    assert LIVE * PER_ACCOUNT * USER_CODE_LIFETIME / WINDOW / SPACE < 2.1e-7


@pytest.mark.requirement("A2", "RFC10027-6-1-11")
def test_guessing_a_transfer_code_from_a_hundred_networks_has_a_chance_below_two_in_ten_thousand() -> None:
    assert LIVE * 100 * BALANCED.rate_limits * BALANCED.short_lived_codes / 60 / SPACE < 2e-4


@pytest.mark.requirement("XD-PUSH-04", "RFC10027-6-1-17")
def test_guessing_a_check_value_has_a_chance_of_one_in_five_thousand() -> None:
    assert CHECK_VALUE_ATTEMPTS / 10**4 == 1 / 5_000


@pytest.mark.requirement("RFC8628-6-1")
def test_every_letter_of_a_code_is_equally_likely() -> None:
    every_byte = bytes(range(256))
    letters = "".join(generate(lambda _, first=first: every_byte[first : first + 8]) for first in range(0, 240, 8))
    counts = {letter: letters.count(letter) for letter in ALPHABET}
    assert set(counts.values()) == {12}


@pytest.mark.requirement("XD-PULL-05", "RFC8628-6-1")
@pytest.mark.parametrize("typed", ["wdjb-mjht", "WDJB MJHT", "WDJBMJHT", " w d j b-mjht"])
def test_a_code_may_be_typed_in_either_case_with_hyphens_and_spaces(typed: str) -> None:
    assert normalise(typed) == "WDJBMJHT"


@pytest.mark.requirement("XD-PULL-05")
@pytest.mark.parametrize(
    "typed",
    [
        "",
        "WDJB",
        "WDJB-MJHTX",
        "WDJB_MJHT",
        "WDJA-MJHT",
        "\uff37DJB-MJHT",
        "WDJB-MJHT\u200b",
        "\u017fDJB-MJHT",
        "W" * 8 + " " * 99,
    ],
)
def test_look_alikes_and_other_spellings_are_no_code(typed: str) -> None:
    assert normalise(typed) is None
