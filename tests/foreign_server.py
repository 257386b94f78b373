"""A server of other people for the threat suite to attack: npm `oidc-provider`, set up in tests/oidc_provider."""

import json
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npm_package import installed
from server_process import await_answer, binary, end, spawn

SOURCE = Path(__file__).parent / "oidc_provider"
PEOPLE = ("one", "two")
RESOURCE_SERVERS = ("store", "other")


@contextmanager
def foreign_server(folder: Path) -> Iterator[Path]:
    """Up and answering; gives the configuration file for `segue threats`. Its log is `log` in the folder."""
    node = binary("node")
    program = installed(SOURCE) / "server.mjs"
    secret = folder / "secret"
    secret.write_text(secrets.token_urlsafe(32))
    process = spawn([str(node), str(program), secret.read_text()], folder)
    try:
        await_answer(process, folder, lambda: _issuer(folder) is not None)
        file = folder / "target.toml"
        file.write_text(_configuration(str(_issuer(folder))))
        yield file
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
