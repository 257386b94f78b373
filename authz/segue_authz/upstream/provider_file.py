"""Reads the providers from their TOML file, strictly: a misspelt or impossible value stops the server.

[providers.work]                          # the name is a part of the addresses that the provider is told
label = "Example Works"
issuer = "https://id.example.com"
client_id = "segue"
client_secret_file = "work-secret"        # or private_key_file = "work.pem"; beside this file
admits = "linked"                         # or "anybody"
networks = ["10.20.0.0/16"]               # where it may be beside the public internet

[providers.work.require]
hd = ["example.com"]

[providers.work.acr]
"https://id.example.com/mfa" = "phr"
"""

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from segue_storage.setting import BadSetting, address

from segue_authz.domain.account import PASSKEY_ACR, PASSWORD_ACR, UPSTREAM_ACR
from segue_authz.outbound import Network
from segue_authz.upstream.provider import Admits, PrivateKey, Provider, Required

OWN_ACRS = (UPSTREAM_ACR, PASSWORD_ACR, PASSKEY_ACR)
LEAST_RSA_BITS = 2048
_NAME = re.compile(r"[a-z0-9](-?[a-z0-9]){0,31}", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]{1,1000}", re.ASCII)
_SCOPE = re.compile(r"[!#-\[\]-~]{1,100}", re.ASCII)
_MEMBERS = frozenset(
    (
        *("label", "issuer", "client_id", "client_secret_file", "private_key_file"),
        *("scopes", "admits", "require", "acr", "networks"),
    )
)


def read(file: Path | None) -> tuple[Provider, ...]:
    """The providers of the file, in its order; none without one. Raises `BadSetting`."""
    if file is None:
        return ()
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as unreadable:
        raise BadSetting(f"SEGUE_AUTHZ_UPSTREAM is {file}, which cannot be read: {unreadable}") from unreadable
    tables = document.get("providers")
    if set(document) != {"providers"} or not isinstance(tables, dict) or not tables:
        raise BadSetting(f"{file} must hold one table, providers, with a table for each of them")
    providers = tuple(_provider(name, table, folder=file.parent) for name, table in tables.items())
    for what in ("issuer", "label"):
        if len({getattr(provider, what) for provider in providers}) < len(providers):
            raise BadSetting(f"{file}: two providers have the same {what}")
    return providers


def _provider(name: str, table: Any, *, folder: Path) -> Provider:
    where = f"providers.{name}"
    if not _NAME.fullmatch(name):
        raise BadSetting(f"{where}: a provider's name has 1 to 32 small letters, digits and single hyphens")
    if not isinstance(table, dict):
        raise BadSetting(f"{where} must be a table")
    if unknown := sorted(set(table) - _MEMBERS):
        raise BadSetting(f"{where}.{unknown[0]} is not a setting; those are {', '.join(sorted(_MEMBERS))}")
    secret, key = _credential(table, where, folder)
    return Provider(
        name=name,
        label=_label(table, where),
        issuer=_issuer(table, where),
        client_id=_matching(table, "client_id", where, _PRINTABLE, "1 to 1000 printable ASCII characters"),
        secret=secret,
        key=key,
        scopes=_scopes(table, where),
        admits=_admits(table, where),
        require=_require(table, where),
        acr=_acr(table, where),
        networks=_networks(table, where),
    )


def _label(table: Mapping[str, Any], where: str) -> str:
    label = table.get("label")
    if not isinstance(label, str) or not 1 <= len(label.strip()) <= 60 or not label.isprintable():
        raise BadSetting(f"{where}.label is {label!r}; it must be what people read on the button, 1 to 60 characters")
    return label.strip()


def _issuer(table: Mapping[str, Any], where: str) -> str:
    issuer = table.get("issuer")
    if not isinstance(issuer, str):
        raise BadSetting(f"{where}.issuer is {issuer!r}; it must be an https address")
    address(f"{where}.issuer", issuer.removesuffix("/"))
    return issuer


def _matching(table: Mapping[str, Any], member: str, where: str, form: re.Pattern[str], accepted: str) -> str:
    value = table.get(member)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise BadSetting(f"{where}.{member} is {value!r}; it must be {accepted}")
    return value


def _credential(table: Mapping[str, Any], where: str, folder: Path) -> tuple[str | None, PrivateKey | None]:
    """What this server proves itself with there. Never repeats what a file holds."""
    named = [member for member in ("client_secret_file", "private_key_file") if member in table]
    if len(named) != 1:
        raise BadSetting(f"{where} needs one of client_secret_file and private_key_file")
    setting, value = f"{where}.{named[0]}", table[named[0]]
    if not isinstance(value, str) or not value:
        raise BadSetting(f"{setting} is {value!r}; it must be the path of a file")
    file = folder / value
    try:
        content = file.read_bytes()
    except OSError as unreadable:
        raise BadSetting(f"{setting} is {file}, which cannot be read") from unreadable
    if named[0] == "private_key_file":
        return None, _key(content, f"{setting} is {file}")
    text = content.decode("ascii", "replace").strip()
    if not _PRINTABLE.fullmatch(text):
        raise BadSetting(f"{setting} is {file}, which must hold one line of 1 to 1000 printable ASCII characters")
    return text, None


def _key(content: bytes, what: str) -> PrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as unreadable:
        raise BadSetting(f"{what}, which holds no private key in PEM without a password") from unreadable
    if isinstance(key, Ed25519PrivateKey) or (isinstance(key, RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise BadSetting(f"{what}, which must hold a P-256, Ed25519 or RSA key of {LEAST_RSA_BITS} bits or more")


def _scopes(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    scopes = table.get("scopes", ["openid"])
    good = isinstance(scopes, list) and all(isinstance(each, str) and _SCOPE.fullmatch(each) for each in scopes)
    if not good or "openid" not in scopes:
        raise BadSetting(f'{where}.scopes is {scopes!r}; it must be a list of scopes with "openid" among them')
    return tuple(dict.fromkeys(scopes))


def _admits(table: Mapping[str, Any], where: str) -> Admits:
    value = table.get("admits", Admits.LINKED.value)
    if value not in tuple(Admits):
        raise BadSetting(f"{where}.admits is {value!r}; it must be one of {', '.join(Admits)}")
    return Admits(value)


def _networks(table: Mapping[str, Any], where: str) -> tuple[Network, ...]:
    networks = table.get("networks", [])
    if not isinstance(networks, list) or not all(isinstance(each, str) for each in networks):
        raise BadSetting(f'{where}.networks is {networks!r}; it must be a list such as ["10.20.0.0/16"]')
    try:
        return tuple(ip_network(each) for each in networks)
    except ValueError as wrong:
        raise BadSetting(f"{where}.networks: {wrong}") from wrong


def _require(table: Mapping[str, Any], where: str) -> Required:
    required = table.get("require", {})
    if not isinstance(required, dict):
        raise BadSetting(f"{where}.require must be a table of claims, each with a list of values")
    for claim, values in required.items():
        if not isinstance(values, list) or not values or not all(isinstance(each, str | bool) for each in values):
            raise BadSetting(f"{where}.require.{claim} is {values!r}; it must be a list of texts, true and false")
    return {claim: tuple(values) for claim, values in required.items()}


def _acr(table: Mapping[str, Any], where: str) -> dict[str, str]:
    mapped = table.get("acr", {})
    if not isinstance(mapped, dict):
        raise BadSetting(f"{where}.acr must be a table of the provider's values, each with one of ours")
    for theirs, own in mapped.items():
        if own not in OWN_ACRS or not _PRINTABLE.fullmatch(theirs):
            raise BadSetting(f"{where}.acr.{theirs} is {own!r}; it must be one of {', '.join(OWN_ACRS)}")
    return dict(mapped)
