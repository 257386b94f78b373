"""The ways in which an account can be signed in to, and which of them counts before they are changed."""

from dataclasses import dataclass

from segue_authz.domain.account import PASSKEY_ACR, PASSWORD_ACR, RECOVERY_ACR, BrowserSession

FRESH = 300
"""Seconds since the sign-in in which a person may change how they sign in (ASVS 5.0 section 7.5.1)."""


@dataclass(frozen=True)
class Ways:
    """How many passkeys there are, whether there is a password, and at how many other providers the person is known.

    Recovery codes are none of them: each is good once, to set one up.
    """

    passkeys: int
    password: bool
    elsewhere: int = 0

    @property
    def number(self) -> int:
        return self.passkeys + self.password + self.elsewhere

    @property
    def acrs(self) -> frozenset[str]:
        """The `acr` that the person can sign in with by ways of this server."""
        own = ((PASSKEY_ACR, self.passkeys > 0), (PASSWORD_ACR, self.password))
        return frozenset(acr for acr, there in own if there)

    @property
    def strongest(self) -> frozenset[str]:
        """The `acr` of which one is wanted before something is changed; empty where any will do."""
        if self.passkeys:
            return frozenset({PASSKEY_ACR})
        return frozenset({PASSWORD_ACR}) if self.password else frozenset()

    def may_change(self, session: BrowserSession, *, now: int) -> bool:
        """Whether the person has signed in a short while ago, by the strongest way that the account has."""
        return self._recent(session, now) and (not self.strongest or session.acr in self.strongest)

    def may_add(self, session: BrowserSession, *, now: int) -> bool:
        """Whether they may set up a way to sign in: whoever came in by a recovery code as well."""
        return self.may_change(session, now=now) or (session.acr == RECOVERY_ACR and self._recent(session, now))

    @staticmethod
    def _recent(session: BrowserSession, now: int) -> bool:
        return now - session.auth_time <= FRESH
