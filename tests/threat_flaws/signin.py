"""Flaws of signing in and the authorization code."""

from segue_authz.grants import authorization_code

from threat_flaws.flaw import Patch, flaw


@flaw("XD-AUTH-02")
def the_verifier_is_not_compared(patch: Patch) -> None:
    patch.setattr(authorization_code, "same", lambda *_: True)
