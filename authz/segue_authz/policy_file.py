"""Reads the transfer policy from its TOML file, strictly: a misspelt or impossible value stops the server.

[transfer_policy]
preset = "balanced"            # or "strict"
trusted_networks = ["10.0.0.0/8"]

[transfer_policy.clients.my-phone]
short_lived_codes = 60

[transfer_policy.sensitivity.high]
establish_proximity = "require"

[sign_in_policy]               # of the same preset, unless it names another
max_age = 43200

[sign_in_policy.sensitivity.high]
max_age = 120
strength = "require_phishing_resistant"
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from segue.authority import ACTIONS
from segue_storage.setting import BadSetting

from segue_authz.domain.policy import PRESETS, Policies
from segue_authz.domain.sign_in_policy import LONGEST_AGE, SIGN_IN_PRESETS, SignInPolicies

_Reader = Callable[[Any], Any]
_TABLES = ("transfer_policy", "sign_in_policy")


def read(file: Path | None) -> Policies:
    """The policies of the file; without one, `balanced`. Raises `BadSetting`."""
    if file is None:
        return Policies()
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as unreadable:
        raise BadSetting(f"the policy file {file} cannot be read: {unreadable}") from unreadable
    if (
        not document
        or not set(document) <= set(_TABLES)
        or not all(isinstance(document[name], dict) for name in document)
    ):
        raise BadSetting(f"{file} must hold one table or both of {', '.join(_TABLES)}")
    return from_tables(document)


def from_tables(tables: Mapping[str, Mapping[str, Any]]) -> Policies:
    """Raises `BadSetting`, naming the setting, what it holds and what would be accepted."""
    policies = from_table(tables.get("transfer_policy", {}))
    return replace(policies, sign_in=_sign_in(tables.get("sign_in_policy", {}), preset=policies.preset))


def _sign_in(table: Mapping[str, Any], *, preset: str) -> SignInPolicies:
    """What a file says of a client or a sensitivity replaces what the preset says of it, value by value."""
    own = {name: value for name, value in table.items() if name not in ("preset", "clients", "sensitivity")}
    preset = table.get("preset", preset)
    if preset not in SIGN_IN_PRESETS:
        raise BadSetting(f"sign_in_policy.preset is {preset!r}; it must be one of {', '.join(sorted(SIGN_IN_PRESETS))}")
    base = SIGN_IN_PRESETS[preset]
    where = "sign_in_policy"
    sensitivity = _tables(table.get("sensitivity", {}), f"{where}.sensitivity", _SIGN_IN_READERS)
    both = set(base.by_sensitivity) | set(sensitivity)
    return SignInPolicies(
        general=replace(base.general, **_values(own, where, _SIGN_IN_READERS)),
        by_client=_tables(table.get("clients", {}), f"{where}.clients", _SIGN_IN_READERS),
        by_sensitivity={name: {**base.by_sensitivity.get(name, {}), **sensitivity.get(name, {})} for name in both},
        preset=preset,
    )


def from_table(table: Mapping[str, Any]) -> Policies:
    """Raises `BadSetting`, naming the setting, what it holds and what would be accepted."""
    own = {name: value for name, value in table.items() if name not in ("preset", "clients", "sensitivity")}
    preset = table.get("preset", "balanced")
    if preset not in PRESETS:
        raise BadSetting(f"transfer_policy.preset is {preset!r}; it must be one of {', '.join(sorted(PRESETS))}")
    return Policies(
        preset=preset,
        general=replace(PRESETS[preset], **_values(own, "transfer_policy", _READERS)),
        by_client=_tables(table.get("clients", {}), "transfer_policy.clients", _READERS),
        by_sensitivity=_tables(table.get("sensitivity", {}), "transfer_policy.sensitivity", _READERS),
        sign_in=SIGN_IN_PRESETS[preset],
    )


def _tables(tables: Any, where: str, readers: Mapping[str, _Reader]) -> dict[str, dict[str, Any]]:
    if not isinstance(tables, dict) or not all(isinstance(values, dict) for values in tables.values()):
        raise BadSetting(f"{where} must hold tables")
    return {name: _values(values, f"{where}.{name}", readers) for name, values in tables.items()}


def _values(values: Mapping[str, Any], where: str, readers: Mapping[str, _Reader]) -> dict[str, Any]:
    read_values = {}
    for name, value in values.items():
        if name not in readers:
            raise BadSetting(f"{where}.{name} is not a setting; those are {', '.join(readers)}")
        try:
            read_values[name] = readers[name](value)
        except ValueError as wrong:
            raise BadSetting(f"{where}.{name} is {value!r}; it must be {wrong}") from wrong
    return read_values


def _word(*words: str) -> _Reader:
    def reader(value: Any) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return str(value)

    return reader


def _number(least: int, most: int) -> _Reader:
    def reader(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return reader


def _networks(value: Any) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(network)) for network in _strings(value))
    except ValueError as wrong:
        raise ValueError("a list of networks such as 10.0.0.0/8") from wrong


def _actions(value: Any) -> frozenset[str]:
    actions = frozenset(_strings(value))
    if not actions or not actions <= ACTIONS:
        raise ValueError(f"a list of some of {', '.join(sorted(ACTIONS))}")
    return actions


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError("a list of strings")
    return value


_READERS: Mapping[str, _Reader] = {
    "establish_proximity": _word("off", "show", "require"),
    "short_lived_codes": _number(30, 900),
    "one_time_codes": _word("show", "void"),
    "unique_codes": _word("off", "void"),
    "detect_and_remediate": _number(0, 1_000),
    "trusted_devices": _word("off", "require"),
    "trusted_networks": _networks,
    "limited_scopes": _actions,
    "short_lived_tokens": _number(60, 300),
    "rate_limits": _number(1, 1_000),
    "authenticate_then_initiate": _word("off", "require"),
    "request_initiation_verification": _word("off", "require"),
}

_SIGN_IN_READERS: Mapping[str, _Reader] = {
    "max_age": _number(0, LONGEST_AGE),
    "strength": _word("any", "phishing_resistant", "require_phishing_resistant"),
    "one_decision": _word("off", "require"),
    "unbound_browser": _word("accept", "fresh"),
}
