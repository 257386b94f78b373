"""Reads the TOML file that says how a deployed server may be attacked; threats/README.md shows one."""

import json
import ssl
import tomllib
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segue.target_uri import require_identifier

from segue_threats.inside import Inside
from segue_threats.logged import of_files
from segue_threats.target import BadTarget, Client, Configuration, Person, ResourceServer

_KNOWN = {
    "issuer",
    "task_store",
    "resource",
    "ca_file",
    "authorization_device",
    "consumption_device",
    "people",
    "resource_servers",
    "backchannel_clients",
    "registration_token_file",
    "inside",
}
_INSIDE = {"databases", "log_files"}
_CLIENT = {"client_id", "redirect_uri", "scope", "resource", "authorization_details"}
_ASKING = _CLIENT | {"secret_file"}
_RESOURCE_SERVER = {"client_id", "secret_file"}
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
        resource_servers=[_resource_server(each, file.parent) for each in content.get("resource_servers", [])],
        backchannel_clients=deque(_asking(each, file.parent) for each in content.get("backchannel_clients", [])),
        registration_token=_registration_token(content.get("registration_token_file"), file.parent),
        trust=_trust(content.get("ca_file"), file.parent),
        inside=_inside(content.get("inside"), file.parent),
    )


def _registration_token(file: str | None, folder: Path) -> str:
    try:
        return (folder / file).read_text("utf-8").strip() if file else ""
    except OSError as failure:
        raise BadTarget(f"the initial access token in {file} cannot be read: {failure}") from failure


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
        return Person(entry["username"], _secret(folder / entry["password_file"]))
    except KeyError as missing:
        raise BadTarget(f"a person has neither a command nor a {missing.args[0]}") from missing


def _asking(entry: Mapping[str, Any], folder: Path) -> Client:
    _only(entry, _ASKING, where="a backchannel client")
    client = _client({name: value for name, value in entry.items() if name != "secret_file"})
    if client is None or "secret_file" not in entry:
        raise BadTarget("a backchannel client has no secret_file")
    return replace(client, secret=_secret(folder / entry["secret_file"]))


def _resource_server(entry: Mapping[str, Any], folder: Path) -> ResourceServer:
    _only(entry, _RESOURCE_SERVER, where="a resource server")
    try:
        return ResourceServer(entry["client_id"], _secret(folder / entry["secret_file"]))
    except KeyError as missing:
        raise BadTarget(f"a resource server has no {missing.args[0]}") from missing


def _secret(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except OSError as failure:
        raise BadTarget(f"{file} cannot be read: {failure}") from failure


def _inside(entry: Mapping[str, Any] | None, folder: Path) -> Inside | None:
    if entry is None:
        return None
    _only(entry, _INSIDE, where="the inside")
    files = [folder / name for name in entry.get("log_files", [])]
    if not files or not entry.get("databases"):
        raise BadTarget("the inside needs databases and log_files")
    if missing := [str(file) for file in files if not file.is_file()]:
        raise BadTarget(f"{missing[0]} is no file of log")
    return Inside(list(entry["databases"]), lambda: of_files(files))


def _trust(ca_file: str | None, folder: Path) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=folder / ca_file) if ca_file else True
    except (OSError, ssl.SSLError) as failure:
        raise BadTarget(f"{ca_file} cannot be read: {failure}") from failure


def _only(entry: Mapping[str, Any], known: set[str], *, where: str) -> None:
    if unknown := sorted(set(entry) - known):
        raise BadTarget(f"{where} has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
