"""The ceremonies of WebAuthn Level 3 (sections 7.1, 7.2): what the browser is asked for, and which answer counts.

The library checks origin, relying party, flags and signature. Here is what it leaves to the server: a challenge is
random, says by a keyed tag for which browser, purpose and account it was made and until when, and is spent in the
database by whoever uses the answer. So no challenge is stored for a visitor who does nothing.
"""

import hashlib
import hmac
import ipaddress
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import webauthn
from cryptography.exceptions import UnsupportedAlgorithm
from segue.clock import Clock
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from segue_authz.domain.account import Account
from segue_authz.domain.identifier import Random, new
from segue_authz.domain.passkey import Challenge, Passkey
from segue_authz.tokens.derivation import Derivation, same

GOOD_FOR = 300
"""Seconds in which a challenge must be answered: the time that WebAuthn Level 3 section 15.1 recommends."""
_NONCE, _TIME, _TAG = 32, 8, 32
_MALFORMED = (
    *(WebAuthnException, UnsupportedAlgorithm, ValueError, TypeError, LookupError, AttributeError),
    *(OverflowError, RecursionError),
)
"""What the library and what it stands on raise for an answer that is none."""


class Purpose(StrEnum):
    SIGN_IN = "sign in"
    STEP_UP = "step up"
    REGISTER = "register"


class NotAccepted(Exception):
    """The answer of a ceremony does not count; the message is for the log."""


@dataclass(frozen=True)
class Circumstance:
    """For what a challenge is made, and for nothing else. `subject` is empty while nobody is signed in."""

    purpose: Purpose
    session_id: str
    subject: str = ""


@dataclass(frozen=True)
class Presented:
    """An assertion as it came, with the challenge that it answers, which is one of ours and of this circumstance."""

    credential: AuthenticationCredential
    challenge: Challenge
    signed: bytes

    @property
    def user_handle(self) -> str:
        return _text(self.credential.response.user_handle or b"")


@dataclass(frozen=True)
class Asserted:
    """What an authenticator said, and signed."""

    sign_count: int
    backed_up: bool


class Ceremonies:
    def __init__(self, *, issuer: str, derivation: Derivation, random: Random, clock: Clock) -> None:
        parts = urlsplit(issuer)
        self._origin, self._rp_id = f"{parts.scheme}://{parts.netloc}", parts.hostname or ""
        self._derivation, self._random, self._clock = derivation, random, clock
        self._key = derivation.key("webauthn_challenge")

    @property
    def possible(self) -> bool:
        """A relying party is a domain: at an address of numbers no browser has passkeys (WebAuthn section 5.1.2)."""
        try:
            ipaddress.ip_address(self._rp_id)
        except ValueError:
            return True
        return False

    def request_options(self, circumstance: Circumstance) -> dict[str, Any]:
        """What the browser is asked for so that somebody signs in, whoever they are: no passkey is named."""
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=self._challenge(circumstance),
            timeout=GOOD_FOR * 1000,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def creation_options(
        self, circumstance: Circumstance, account: Account, known: Sequence[Passkey]
    ) -> dict[str, Any]:
        """What the browser is asked for so that an authenticator makes a passkey that it has not made before."""
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name="Segue",
            user_name=account.username,
            user_id=_bytes(self.user_handle(account.subject)),
            user_display_name=account.name or account.username,
            challenge=self._challenge(circumstance),
            timeout=GOOD_FOR * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=_bytes(each.credential_id)) for each in known],
        )
        return options_to_json_dict(options)

    def user_handle(self, subject: str) -> str:
        """By what authenticators know the account: nothing that says who it is (WebAuthn section 14.6.1)."""
        return self._derivation.digest("user_handle", subject)

    def presented(self, answer: str, circumstance: Circumstance) -> Presented:
        """Raises `NotAccepted` unless it answers a challenge that was made for this."""
        try:
            credential = parse_authentication_credential_json(answer)
            signed, challenge = self._answered(credential.response.client_data_json, circumstance)
        except _MALFORMED as malformed:
            raise NotAccepted("it is no assertion") from malformed
        return Presented(credential, challenge, signed)

    def asserted(self, presented: Presented, passkey: Passkey) -> Asserted:
        """Raises `NotAccepted` unless the authenticator of this passkey, having verified its user, has signed it here.

        The counter is not looked at: what it says counts only once the signature does.
        """
        if not same(passkey.user_handle, presented.user_handle):
            raise NotAccepted("the passkey is of another account than the authenticator says")
        try:
            verified = webauthn.verify_authentication_response(
                credential=presented.credential,
                expected_challenge=presented.signed,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except _MALFORMED as wrong:
            raise NotAccepted(f"the assertion is not right: {wrong}") from wrong
        if (verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE) != passkey.multi_device:
            raise NotAccepted("whether a passkey may be on several devices does not change")
        return Asserted(verified.new_sign_count, verified.credential_backed_up)

    def registered(self, answer: str, circumstance: Circumstance, name: str) -> tuple[Passkey, Challenge]:
        """A passkey for the account of the circumstance. Raises `NotAccepted`."""
        try:
            credential = parse_registration_credential_json(answer)
            signed, challenge = self._answered(credential.response.client_data_json, circumstance)
            verified = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=signed,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
            decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))
        except _MALFORMED as wrong:
            raise NotAccepted(f"the registration is not right: {wrong}") from wrong
        passkey = Passkey(
            passkey_id=new("psk", self._random),
            subject=circumstance.subject,
            credential_id=_text(verified.credential_id),
            public_key=verified.credential_public_key,
            user_handle=self.user_handle(circumstance.subject),
            sign_count=verified.sign_count,
            transports=_transports(credential),
            attachment=credential.authenticator_attachment and credential.authenticator_attachment.value,
            aaguid=verified.aaguid,
            multi_device=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
            name=name,
            created_at=self._clock(),
        )
        return passkey, challenge

    def _challenge(self, circumstance: Circumstance) -> bytes:
        made = self._random(_NONCE) + (self._clock() + GOOD_FOR).to_bytes(_TIME, "big")
        return made + self._tag(made, circumstance)

    def _answered(self, client_data: bytes, circumstance: Circumstance) -> tuple[bytes, Challenge]:
        """The challenge in the client data, if it is one of ours, for this, in time. Raises `NotAccepted`."""
        collected = parse_client_data_json(client_data)
        challenge, made = collected.challenge, collected.challenge[:-_TAG]
        if len(made) != _NONCE + _TIME:
            raise NotAccepted("the challenge is none of ours")
        if not hmac.compare_digest(self._tag(made, circumstance), challenge[-_TAG:]):
            raise NotAccepted("the challenge is none of ours, or was made for something else")
        until = int.from_bytes(made[_NONCE:], "big")
        if self._clock() >= until:
            raise NotAccepted("the challenge has lapsed")
        if collected.cross_origin:
            raise NotAccepted("the page was framed by another origin")
        return challenge, Challenge(hashlib.sha256(challenge).hexdigest(), until)

    def _tag(self, made: bytes, circumstance: Circumstance) -> bytes:
        said = (circumstance.purpose.value, circumstance.session_id, circumstance.subject)
        return hmac.digest(self._key, made + "\0".join(said).encode(), "sha256")


def _transports(credential: RegistrationCredential) -> str:
    return " ".join(sorted(transport.value for transport in credential.response.transports or ()))


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
