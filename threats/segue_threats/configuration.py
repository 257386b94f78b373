"""Reads the TOML file that says how a deployed server may be attacked; threats/README.md shows one."""

import json
import ssl
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.target_uri import require_identifier

from segue_threats.target import BadTarget, Client, Configuration, Person

_KNOWN = {"issuer", "task_store", "resource", "ca_file", "authorization_device", "consumption_device", "people"}
_CLIENT = {"client_id", "redirect_uri", "scope", "resource", "authorization_details"}
_PERSON = {"username", "password_file", "command"}


def read(file: Path, *, issuer: str | None) -> Configuration:
    """What the file says; `issuer` overrides its own. Raises `BadTarget`."""
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as failure:
        raise BadTarget(f"{file} cannot be read: {failure}") from failure
    _only(content, _KNOWN, where=str(file))
    named = issuer or content.get("issuer")
    if not isinstance(named, str):
        raise BadTarget(f"{file} names no issuer, and --target was not given")
    try:
        require_identifier(named, what="the issuer")
    except ValueError as wrong:
        raise BadTarget(str(wrong)) from wrong
    return Configuration(
        issuer=named,
        task_store=content.get("task_store"),
        resource=content.get("resource"),
        authorization_device=_client(content.get("authorization_device")),
        consumption_device=_client(content.get("consumption_device")),
        people=[_person(each, file.parent) for each in content.get("people", [])],
        trust=_trust(content.get("ca_file"), file.parent),
    )


def _client(entry: Mapping[str, Any] | None) -> Client | None:
    if entry is None:
        return None
    _only(entry, _CLIENT, where="a client")
    if not entry.get("client_id"):
        raise BadTarget("a client has no client_id")
    sent = {name: value for name, value in entry.items() if name not in ("client_id", "redirect_uri")}
    parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()}
    return Client(entry["client_id"], parameters, entry.get("redirect_uri", ""))


def _person(entry: Mapping[str, Any], folder: Path) -> Person:
    """A password comes from a file, never from this one: that is passed around."""
    _only(entry, _PERSON, where="a person")
    if "command" in entry:
        return Person(command=tuple(entry["command"]))
    try:
        password = (folder / entry["password_file"]).read_text("utf-8").strip()
        return Person(entry["username"], password)
    except KeyError as missing:
        raise BadTarget(f"a person has neither a command nor a {missing.args[0]}") from missing
    except OSError as failure:
        raise BadTarget(f"the password of {entry.get('username')} cannot be read: {failure}") from failure


def _trust(ca_file: str | None, folder: Path) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=folder / ca_file) if ca_file else True
    except (OSError, ssl.SSLError) as failure:
        raise BadTarget(f"{ca_file} cannot be read: {failure}") from failure


def _only(entry: Mapping[str, Any], known: set[str], *, where: str) -> None:
    if unknown := sorted(set(entry) - known):
        raise BadTarget(f"{where} has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
