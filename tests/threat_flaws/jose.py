"""Flaws of JOSE."""

import base64
import json
from typing import Any

from segue import jose

from threat_flaws.flaw import Patch, flaw


@flaw("XD-JOSE-03")
def signatures_of_tokens_are_not_verified(patch: Patch) -> None:
    verify = jose.verify
    patch.setattr(jose, "verify", lambda jws, key: None if "jwk" not in jws.header else verify(jws, key))


@flaw("XD-JOSE-01")
def an_empty_signature_is_a_good_one(patch: Patch) -> None:
    verify = jose.verify
    patch.setattr(jose, "verify", lambda jws, key: verify(jws, key) if jws.signature else None)


@flaw("XD-JOSE-06")
def critical_extensions_are_ignored(patch: Patch) -> None:
    read = jose._object

    def lenient(data: bytes) -> dict[str, Any]:
        return {name: value for name, value in read(data).items() if name not in ("crit", "b64")}

    patch.setattr(jose, "_object", lenient)


@flaw("XD-JOSE-07")
def the_last_of_repeated_members_wins(patch: Patch) -> None:
    patch.setattr(jose, "decode_json", json.loads)


@flaw("XD-JOSE-08")
def padding_and_spare_bits_are_forgiven(patch: Patch) -> None:
    def lenient(text: str) -> bytes:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))

    patch.setattr(jose, "b64url_decode", lenient)


@flaw("XD-JOSE-05")
def bytes_after_a_signature_are_ignored(patch: Patch) -> None:
    verify = jose.verify
    patch.setattr(jose, "verify", lambda jws, key: verify(jws._replace(signature=jws.signature[:64]), key))
