"""What a decision about a task needs of the sign-in of whoever decides: how recent, how strong, how often it serves.

It stands beside the mitigations of RFC 10027, which say what a transfer needs. NIST SP 800-63B section 4.2.3, RFC 9470.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

LONGEST_AGE = 30 * 86_400
"""Seconds. No browser session lives longer, and a device that has had its task for longer may be asked for once."""
Strength = Literal["any", "phishing_resistant", "require_phishing_resistant"]


@dataclass(frozen=True)
class SignInPolicy:
    """One value for each question; `SETTINGS` has what they mean."""

    max_age: int = LONGEST_AGE
    strength: Strength = "any"
    one_decision: Literal["off", "require"] = "off"
    unbound_browser: Literal["accept", "fresh"] = "accept"

    @property
    def once(self) -> bool:
        """Whether a sign-in serves one decision alone."""
        return self.one_decision == "require" or self.max_age == 0


@dataclass(frozen=True)
class SignInPolicies:
    """The policy of a deployment, with what differs for a client and for tasks of a sensitivity.

    A client's values replace the general ones, and those of the task's sensitivity replace both, as in `Policies`.
    """

    general: SignInPolicy = SignInPolicy()
    by_client: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    by_sensitivity: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    preset: str = "balanced"

    def effective(self, client_id: str, sensitivity: str | None = None) -> SignInPolicy:
        """What holds for a decision about this client and a task of this sensitivity (None: not known yet)."""
        policy = replace(self.general, **self.by_client.get(client_id, {}))
        return replace(policy, **self.by_sensitivity.get(sensitivity or "", {}))

    def origin(self, setting: str, client_id: str, sensitivity: str | None = None) -> str:
        """Where the effective value of a setting comes from, in words."""
        preset = SIGN_IN_PRESETS[self.preset]
        own = self.by_sensitivity.get(sensitivity or "", {})
        if setting in own:
            same = own[setting] == preset.by_sensitivity.get(sensitivity or "", {}).get(setting)
            return f"preset {self.preset} for sensitivity {sensitivity}" if same else f"sensitivity {sensitivity}"
        if setting in self.by_client.get(client_id, {}):
            return f"client {client_id}"
        as_preset = getattr(self.general, setting) == getattr(preset.general, setting)
        return f"preset {self.preset}" if as_preset else "set for all"


_SENSITIVE = {"max_age": 300, "strength": "phishing_resistant", "one_decision": "require"}
BALANCED = SignInPolicies(by_sensitivity={"high": _SENSITIVE})
"""Ordinary tasks ask for nothing beyond being signed in; for a sensitive one the person is here now."""
STRICT = SignInPolicies(
    general=SignInPolicy(max_age=3_600, strength="phishing_resistant"),
    by_sensitivity={"high": {**_SENSITIVE, "max_age": 120, "unbound_browser": "fresh"}},
    preset="strict",
)
OFF = SignInPolicies(preset="off")
SIGN_IN_PRESETS: Mapping[str, SignInPolicies] = {"balanced": BALANCED, "strict": STRICT, "off": OFF}
"""By the names of the transfer policy's presets."""

_STRICTER = ("any", "off", "accept", "phishing_resistant", "require", "fresh", "require_phishing_resistant")


def tightened(before: Mapping[str, Any], policy: SignInPolicy) -> list[str]:
    """The settings that are stricter than they were when a decision was made; `before` is as JSON has it."""
    was = {**vars(SignInPolicy()), **before}
    return [
        name
        for name, value in vars(policy).items()
        if (value < was[name] if name == "max_age" else _STRICTER.index(value) > _STRICTER.index(was[name]))
    ]


SETTINGS: Mapping[str, str] = {
    "max_age": "seconds since the person signed in after which they do so once more; 0: for each decision",
    "strength": "any; phishing_resistant: by a passkey, of whoever has one, and by password of others; "
    "require_phishing_resistant: by a passkey, and nobody without one decides",
    "one_decision": "require: a sign-in serves one decision, and the next one asks again",
    "unbound_browser": "fresh: a browser whose session is not bound to its device (DBSC) signs in for each decision",
}
