"""The challenges and bound cookies of device-bound sessions: derived, so that asking for one writes nothing."""

from segue_authz.domain.bound_session import BOUND_COOKIE_LIFETIME, IN_FLIGHT
from segue_authz.domain.identifier import Random, secret
from segue_authz.tokens.derivation import Derivation, same


class SessionBinding:
    """Each text is `until.random.tag`, and the tag is only right for one session and one use."""

    def __init__(self, derivation: Derivation, random: Random) -> None:
        self._derivation = derivation
        self._random = random

    def registration_challenge(self, session_id: str, *, until: int) -> str:
        return self._issue("registration_challenge", session_id, until)

    def accepts_registration(self, challenge: str, session_id: str, *, now: int) -> bool:
        return self._accepts("registration_challenge", challenge, session_id, now=now)

    def authorization(self, challenge: str) -> str:
        """The value beside the challenge of the registration offer, which the browser puts into its proof."""
        return self._derivation.digest("session_authorization", challenge)

    def challenge(self, identifier: str, *, until: int) -> str:
        """For one refresh of the bound session of that identifier."""
        return self._issue("session_challenge", identifier, until)

    def accepts_challenge(self, challenge: str, identifier: str, *, now: int) -> bool:
        """Whether it was made for that session and still counts; that it is used once is for the store to see."""
        return self._accepts("session_challenge", challenge, identifier, now=now)

    def spent(self, challenge: str) -> str:
        """How a challenge that was answered is remembered."""
        return self._derivation.digest("spent_session_challenge", challenge)

    def cookie(self, session_id: str, *, now: int) -> str:
        return self._issue("bound_cookie", session_id, now + BOUND_COOKIE_LIFETIME + IN_FLIGHT)

    def accepts_cookie(self, cookie: str, session_id: str, *, now: int) -> bool:
        """By the server's clock, whatever the browser was told."""
        return self._accepts("bound_cookie", cookie, session_id, now=now)

    def _issue(self, purpose: str, owner: str, until: int) -> str:
        made = f"{until}.{secret(self._random)}"
        return f"{made}.{self._derivation.digest(purpose, f'{owner} {made}')}"

    def _accepts(self, purpose: str, text: str, owner: str, *, now: int) -> bool:
        made, _, tag = text.rpartition(".")
        if not text.isascii() or not same(self._derivation.digest(purpose, f"{owner} {made}"), tag):
            return False
        return now < int(made.partition(".")[0])
