"""Flaws of the ceremonies of passkeys."""

from collections.abc import Callable
from typing import Any

import webauthn
from segue_authz import ceremony
from segue_authz.ceremony import Ceremonies
from segue_authz.domain.ways import Ways
from segue_authz.endpoints.sign_in import passkey
from segue_authz.stores import account_events
from segue_authz.stores import passkeys as store

from threat_flaws.flaw import Patch, flaw, nothing, nothing_later

ALTERED = "a ceremony is altered or used twice"
TO_STAY = "a thief adds a passkey to stay"


def _looking_less(patch: Patch, less: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The library is asked for less."""
    verify = webauthn.verify_authentication_response
    patch.setattr(webauthn, "verify_authentication_response", lambda **asked: verify(**{**asked, **less(asked)}))


@flaw("XD-AUTH-04", ALTERED)
def who_uses_a_passkey_need_not_be_verified(patch: Patch) -> None:
    _looking_less(patch, lambda _: {"require_user_verification": False})


@flaw("XD-AUTH-04", ALTERED)
def any_page_may_ask_for_our_passkeys(patch: Patch) -> None:
    _looking_less(patch, lambda asked: {"expected_origin": [asked["expected_origin"], "https://evil.example"]})


@flaw("XD-AUTH-04", ALTERED)
def a_counter_may_go_back(patch: Patch) -> None:
    patch.setattr(passkey, "_require_moved_on", nothing_later)


@flaw("XD-AUTH-04", ALTERED)
def a_challenge_is_good_for_any_purpose(patch: Patch) -> None:
    tag = Ceremonies._tag
    patch.setattr(
        Ceremonies,
        "_tag",
        lambda self, made, circumstance: tag(self, made, ceremony.Circumstance(ceremony.Purpose.SIGN_IN, "", "")),
    )


@flaw("XD-AUTH-04", ALTERED)
def whose_passkey_it_is_is_not_compared(patch: Patch) -> None:
    patch.setattr(ceremony, "same", lambda *_: True)


@flaw("XD-AUTH-04", "an answer is replayed before its counter tells")
def a_challenge_is_not_spent(patch: Patch) -> None:
    patch.setattr(store, "_spend", lambda *_: True)


@flaw("XD-AUTH-04", TO_STAY)
def an_old_session_may_change_how_one_signs_in(patch: Patch) -> None:
    patch.setattr(Ways, "_recent", staticmethod(lambda *_: True))


@flaw("XD-AUTH-04", TO_STAY)
def a_password_is_enough_to_add_a_passkey(patch: Patch) -> None:
    patch.setattr(Ways, "strongest", frozenset())


@flaw("XD-AUTH-04", TO_STAY)
def nobody_is_told(patch: Patch) -> None:
    patch.setattr(account_events, "note", nothing)
