"""The code a person can type: its alphabet, its writing, and how it is read back.

Eight letters of twenty give 20^8 = 2.56e10 values. A code lives 120 seconds and claims are limited per network, so that
even with 1,000 live codes and 100 guesses a second from many networks the chance to hit one during its life is below
0.0005; and a hit still needs the person's confirmation (RFC 8628 section 6.1, RFC 10027 section 6.1.11).
"""

from collections.abc import Callable

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8


def generate(random: Callable[[int], bytes]) -> str:
    """A fresh code, grouped for reading: `WDJB-MJHT`. Every letter is equally likely."""
    letters: list[str] = []
    while len(letters) < LENGTH:
        letters += [ALPHABET[byte % 20] for byte in random(LENGTH) if byte < 240]
    return "".join(letters[:4]) + "-" + "".join(letters[4:LENGTH])


def normalise(typed: str) -> str | None:
    """The letters of a typed code, or None if it cannot be one. Only ASCII case, hyphens and spaces are forgiven."""
    if not typed.isascii() or len(typed) > 2 * LENGTH:
        return None
    letters = typed.upper().replace("-", "").replace(" ", "")
    return letters if len(letters) == LENGTH and set(letters) <= set(ALPHABET) else None
