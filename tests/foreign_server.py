"""A server of other people for the threat suite to attack: npm `oidc-provider`, set up in tests/oidc_provider."""

import json
import secrets
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npm_package import installed
from server_process import await_answer, binary, end, spawn

SOURCE = Path(__file__).parent / "oidc_provider"
PEOPLE = ("one", "two")
RESOURCE_SERVERS = ("store", "other")


@contextmanager
def foreign_server(folder: Path) -> Iterator[Path]:
    """Up and answering; gives the configuration file for `segue threats`. Its log is `log` in the folder."""
    secret = folder / "secret"
    secret.write_text(secrets.token_urlsafe(32))
    with _running(folder, secret.read_text()) as issuer:
        file = folder / "target.toml"
        file.write_text(_configuration(issuer))
        yield file


@contextmanager
def foreign_provider(folder: Path, registered: Mapping[str, Any]) -> Iterator[str]:
    """The same server as a provider at which people of another one sign in, which is `registered`; its issuer.

    Anybody signs in there under any name.
    """
    with _running(folder, secrets.token_urlsafe(32), json.dumps(registered)) as issuer:
        yield issuer


@contextmanager
def _running(folder: Path, *words: str) -> Iterator[str]:
    node, program = binary("node"), installed(SOURCE) / "server.mjs"
    process = spawn([str(node), str(program), *words], folder)
    try:
        await_answer(process, folder, lambda: _issuer(folder) is not None)
        yield str(_issuer(folder))
    finally:
        end(process, signal.SIGTERM)


def _issuer(folder: Path) -> str | None:
    told = [line for line in (folder / "log").read_text().splitlines() if line.startswith("issuer ")]
    return told[0].partition(" ")[2] if told else None


def _configuration(issuer: str) -> str:
    """What threats/README.md asks for."""
    lines = [f'issuer = "{issuer}"', f'resource = "{issuer}/me"']
    lines += ["[authorization_device]", 'client_id = "desktop"', 'redirect_uri = "https://threats.example/"']
    lines += ['scope = "openid"', "[consumption_device]", 'client_id = "phone"', 'scope = "openid"']
    for name in RESOURCE_SERVERS:
        lines += ["[[resource_servers]]", f'client_id = "{name}"', 'secret_file = "secret"']
    for name in PEOPLE:
        lines += ["[[people]]", f"command = {json.dumps([sys.executable, str(SOURCE / 'person.py'), name])}"]
    return "\n".join(lines) + "\n"
