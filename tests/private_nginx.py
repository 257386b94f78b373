"""deploy/nginx.conf started as an nginx of one's own, with other addresses, ports and places of files."""

import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segue_demo.servers import Certificate
from server_process import await_answer, binary, end, spawn

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "nginx.conf"
BEHIND = {
    "authz-1": "172.30.84.11:8400",
    "authz-2": "172.30.84.12:8400",
    "resource-1": "172.30.84.21:8401",
    "resource-2": "172.30.84.22:8401",
}
"""Where the file has the processes."""


@dataclass(frozen=True)
class Ports:
    """Of this machine: where the two hosts are, where any other host is, and where the processes are."""

    issuer: int
    store: int
    other: int
    behind: Mapping[str, int]


@contextmanager
def private_nginx(folder: Path, ports: Ports, certificate: Certificate) -> Iterator[None]:
    """Running; its /tmp, where `rolling-restart` says who is out, is `tmp` in the folder."""
    program = binary("nginx", beside="/usr/sbin")
    (folder / "tmp").mkdir()
    others = {
        "listen 443 ssl default_server;": f"listen 127.0.0.1:{ports.other} ssl default_server;",
        "listen 443 ssl http2;\n        server_name id.*;": f"listen 127.0.0.1:{ports.issuer} ssl http2;",
        "listen 443 ssl http2;\n        server_name tasks.*;": f"listen 127.0.0.1:{ports.store} ssl http2;",
        "/run/secrets/tls-certificate": str(certificate.certificate),
        "/run/secrets/tls-key": str(certificate.key),
        "/tmp/": f"{folder}/tmp/",
        **{place: f"127.0.0.1:{ports.behind[name]}" for name, place in BEHIND.items()},
    }
    text = CONFIGURATION.read_text()
    assert [place for place in others if place not in text] == []
    (folder / "nginx.conf").write_text(replaced(text, others))
    own = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
    (folder / "proxy").mkdir()
    command = [str(program), "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf"), "-g", own]
    process = spawn(command, folder / "proxy")
    try:
        await_answer(process, folder / "proxy", (folder / "tmp" / "nginx.pid").exists)
        yield
    finally:
        end(process, signal.SIGTERM)


def replaced(text: str, others: Mapping[str, str]) -> str:
    """The text with each of the words replaced, and nothing of what they are replaced by."""
    return re.sub("|".join(map(re.escape, others)), lambda found: others[found[0]], text)
