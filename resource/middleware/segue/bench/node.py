"""oauth4webapi's way, in a Node.js process that is asked for one round after the other."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

from segue.bench.request import AUDIENCE, METHOD, URL, Sent
from segue.bench.way import Refused, Unavailable


class Oauth4webapi:
    """The package is looked for in the `node_modules` of `folder` and the folders above it."""

    nonce = "nonce-of-the-benchmark"

    def __init__(self, jwk: dict[str, Any], *, folder: Path) -> None:
        node = shutil.which("node")
        if node is None:
            raise Unavailable("Node.js is not installed")
        script = files("segue.bench").joinpath("oauth4webapi.mjs").read_text("utf-8")
        self._process = subprocess.Popen(  # noqa: S603  a script of ours
            [node, "--input-type=module", "--eval", script],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        setting = {"audience": AUDIENCE, "issuer": "https://id.example", "url": URL, "method": METHOD, "jwk": jwk}
        if not isinstance(self._asked(setting), dict):
            self.close()
            raise Unavailable(f"npm's oauth4webapi is not in {folder}: npm install oauth4webapi")

    def times(self, requests: list[Sent]) -> list[int]:
        answer = self._asked([{"token": request.token, "proof": request.proof} for request in requests])
        if not isinstance(answer, list):
            raise Refused(f"oauth4webapi: {answer}")
        return answer

    def close(self) -> None:
        """End the process."""
        with self._process:
            self._process.kill()

    def _asked(self, question: object) -> Any:
        """Its answer to one line, or None if it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None
