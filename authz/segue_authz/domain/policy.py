"""The transfer policy: the mitigations of RFC 10027 section 6.1, each a named setting.

Twelve are settings. Five are not: they hold always, and `segue policy show` says so. What is never a setting either:
single use, key binding, the check of every signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from segue.authority import ACTIONS

from segue_authz.domain.sign_in_policy import BALANCED as BALANCED_SIGN_IN
from segue_authz.domain.sign_in_policy import SignInPolicies

PASSING_ON = frozenset({"task:transfer"})
ERASING = frozenset({"task:erase"})
RESERVED = PASSING_ON | ERASING
"""What no transfer and no exchange brings along by itself, and no client gets that nobody has looked at."""
DAY = 86_400


@dataclass(frozen=True)
class TransferPolicy:
    """One value for each switchable mitigation; the meaning of each is in `MITIGATIONS`."""

    establish_proximity: Literal["off", "show", "require"] = "show"
    short_lived_codes: int = 120
    one_time_codes: Literal["show", "void"] = "show"
    unique_codes: Literal["off", "void"] = "void"
    detect_and_remediate: int = 3
    trusted_devices: Literal["off", "require"] = "off"
    trusted_networks: tuple[str, ...] = ()
    limited_scopes: frozenset[str] = ACTIONS - RESERVED
    short_lived_tokens: int = 300
    rate_limits: int = 20
    authenticate_then_initiate: Literal["off", "require"] = "off"
    request_initiation_verification: Literal["off", "require"] = "require"


BALANCED = TransferPolicy()
STRICT = TransferPolicy(
    establish_proximity="require",
    short_lived_codes=60,
    one_time_codes="void",
    detect_and_remediate=1,
    limited_scopes=ACTIONS - RESERVED - {"task:write"},
    short_lived_tokens=120,
    rate_limits=10,
    authenticate_then_initiate="require",
)
OFF = TransferPolicy(
    establish_proximity="off",
    short_lived_codes=900,
    unique_codes="off",
    detect_and_remediate=0,
    limited_scopes=ACTIONS,
    rate_limits=1_000,
    request_initiation_verification="off",
)
"""Every switch off: for measuring what the others are worth, not for use."""

PRESETS: Mapping[str, TransferPolicy] = {"balanced": BALANCED, "strict": STRICT, "off": OFF}


@dataclass(frozen=True)
class Policies:
    """The policy of a deployment, with what differs for a client and for tasks of a sensitivity.

    A client's values replace the general ones, and those of the task's sensitivity replace both. `preset` is the name
    of the one that the general policy was made from. `sign_in` is what a decision needs of the sign-in.
    """

    general: TransferPolicy = BALANCED
    by_client: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    by_sensitivity: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    preset: str = "balanced"
    sign_in: SignInPolicies = BALANCED_SIGN_IN

    def effective(self, client_id: str, sensitivity: str | None = None) -> TransferPolicy:
        """What holds for a transfer to this client of a task of this sensitivity (None: not known yet)."""
        policy = replace(self.general, **self.by_client.get(client_id, {}))
        return replace(policy, **self.by_sensitivity.get(sensitivity or "", {}))

    def origin(self, setting: str, client_id: str, sensitivity: str | None = None) -> str:
        """Where the effective value of a setting comes from, in words."""
        if setting in self.by_sensitivity.get(sensitivity or "", {}):
            return f"sensitivity {sensitivity}"
        if setting in self.by_client.get(client_id, {}):
            return f"client {client_id}"
        as_preset = getattr(self.general, setting) == getattr(PRESETS[self.preset], setting)
        return f"preset {self.preset}" if as_preset else "set for all"


_STRICTER = ("off", "show", "void", "require")


def tightened(before: Mapping[str, Any], policy: TransferPolicy) -> list[str]:
    """The switches that are stricter than they were when a decision was made; `before` is as JSON has it.

    Only those that say whether a task is transferred; how much and how long is looked up whenever it is used.
    """
    stricter = [
        name
        for name, value in vars(policy).items()
        if isinstance(value, str) and _STRICTER.index(value) > _STRICTER.index(before.get(name, "off"))
    ]
    networks = before.get("trusted_networks", [])
    if policy.trusted_networks and (not networks or not set(networks) <= set(policy.trusted_networks)):
        stricter.append("trusted_networks")
    return stricter


@dataclass(frozen=True)
class Mitigation:
    """A row of RFC 10027 section 6.1, and what this server does about it. `setting` is None for what holds always."""

    slug: str
    name: str
    section: str
    setting: str | None
    does: str


def _row(slug: str, name: str, number: int, does: str, *, switchable: bool = True) -> Mitigation:
    return Mitigation(slug, name, f"6.1.{number}", slug if switchable else None, does)


MITIGATIONS = (
    _row(
        "establish_proximity",
        "Establish Proximity",
        1,
        "compares the networks (and places, with a locator) of the two devices: off, show on the page, or require",
    ),
    _row("short_lived_codes", "Short-Lived/Timebound Codes", 2, "seconds a code can be claimed or entered, 30 to 900"),
    _row(
        "one_time_codes",
        "One-Time or Limited Use Codes",
        3,
        "a code is claimed once, always; a second device that tries it is shown to the person, or voids the transfer",
    ),
    _row("unique_codes", "Unique Codes", 4, "every transfer has its own; a code that a second account enters is void"),
    _row(
        "content_filtering",
        "Content Filtering",
        5,
        "links and codes have one documented form that mail and chat filters can match; filtering is theirs to do",
        switchable=False,
    ),
    _row(
        "detect_and_remediate",
        "Detect and Remediate",
        6,
        "reports by persons within 30 days after which a client gets no further transfers; 0: never",
    ),
    _row(
        "trusted_devices",
        "Trusted Devices",
        7,
        "require: only a device that has held a task of this person, or that an attester vouches for, may get one",
    ),
    _row("trusted_networks", "Trusted Networks", 8, "networks that may start, claim, request and decide; empty: any"),
    _row("limited_scopes", "Limited Scopes", 9, "the actions that a transfer may pass on"),
    _row("short_lived_tokens", "Short-Lived Tokens", 10, "seconds an access token lives, 60 to 300"),
    _row(
        "rate_limits",
        "Rate Limits",
        11,
        "codes one network may try, and requests one client may send people, in a minute, 1 to 1000",
    ),
    _row(
        "sender_constrained_tokens",
        "Sender-Constrained Tokens",
        12,
        "every token is bound to its device's key (DPoP); there is no other kind",
        switchable=False,
    ),
    _row(
        "user_education",
        "User Education",
        13,
        "each page says what will happen and when to decline; teaching people is the deployment's to do",
        switchable=False,
    ),
    _row(
        "user_experience",
        "User Experience",
        14,
        "decline has the focus, facts stand apart from claims, nothing happens by one careless click",
        switchable=False,
    ),
    _row(
        "authenticate_then_initiate",
        "Authenticate-then-Initiate",
        15,
        "require: a device asks for a task only as somebody, and only that person can approve; earns nothing on push",
    ),
    _row(
        "request_initiation_verification",
        "Request Initiation Verification",
        16,
        "require: the person types the check value that only the other device shows",
    ),
    _row(
        "request_binding_oob",
        "Request Binding with Out-of-Band Data",
        17,
        "the check value is made from the claiming key after the claim, so a relayed code shows another",
        switchable=False,
    ),
)
