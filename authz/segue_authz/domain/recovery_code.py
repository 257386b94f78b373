"""The writing of recovery codes: sixteen letters of twenty, 69 bits, in groups to read and type.

They are stored as keyed digests, so that the database alone tells nothing about them (NIST SP 800-63B section 3.1.2).
"""

from segue_authz.domain.identifier import Random
from segue_authz.domain.transfer_code import ALPHABET

NUMBER = 10
LENGTH = 16


def generate(random: Random) -> str:
    """A fresh code: `WDJB-MJHT-XKCD-PQRS`. Every letter is equally likely."""
    letters: list[str] = []
    while len(letters) < LENGTH:
        letters += [ALPHABET[byte % 20] for byte in random(LENGTH) if byte < 240]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, LENGTH, 4))


def normalise(typed: str) -> str | None:
    """The letters of a typed code, or None if it cannot be one. Only ASCII case, hyphens and spaces are forgiven."""
    if not typed.isascii() or len(typed) > 3 * LENGTH:
        return None
    letters = typed.upper().replace("-", "").replace(" ", "")
    return letters if len(letters) == LENGTH and set(letters) <= set(ALPHABET) else None
