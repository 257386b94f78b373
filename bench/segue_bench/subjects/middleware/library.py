"""Libraries of other people, each in a process of its own that is asked for one round after the other."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segue_bench import peers
from segue_bench.measure import Missing, Plan, Say
from segue_bench.peers import Peer
from segue_bench.subjects.middleware.request import AUDIENCE, ISSUER, METHOD, URL, Sent

PYTHON = ("joserfc", "pyjwt")
NODE = ("oauth4webapi", "jose", "express-oauth2-jwt-bearer")
_FOLDER = Path(__file__).parent


class Library:
    """One of them. `version` is what it says of itself."""

    nonce = "nonce-of-the-bench"

    def __init__(self, command: list[str], folder: Path, jwk: dict[str, Any]) -> None:
        self._peer = Peer(command, folder)
        setting = {"audience": AUDIENCE, "issuer": ISSUER, "url": URL, "method": METHOD, "nonce": self.nonce}
        self.version: str = self._peer.ask({**setting, "jwk": jwk})["ready"]

    def times(self, requests: list[Sent]) -> list[float]:
        times: list[float] = self._peer.ask([asdict(request) for request in requests])
        return times

    def close(self) -> None:
        self._peer.close()


def library(name: str, jwk: dict[str, Any], plan: Plan, say: Say) -> Library:
    """Install it if need be, and start it. Raises `Missing`."""
    if name in PYTHON:
        python = peers.python(_FOLDER / "python_libraries", into=plan.peers, say=say)
        return Library([str(python), "serve.py", name], python.parents[2], jwk)
    node = shutil.which("node")
    if node is None:
        raise Missing("Node.js is not installed (Debian: apt-get install nodejs)")
    folder = peers.npm(_FOLDER / "node_libraries", into=plan.peers, say=say)
    return Library([node, f"{name}.mjs"], folder, jwk)
