"""Other people's programs, as they ship: installed by their locks once, apart from Segue, and found again later.

A peer is a folder with a `package.json` and its lock, or with a `requirements.txt` that names every version.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from segue_bench.measure import Missing, Say

PATIENCE = 300
"""Seconds that npm or pip may take."""


class Refused(Exception):
    """A peer did not do what it was asked to; says what it said."""


def npm(source: Path, *, into: Path, say: Say) -> Path:
    """A copy of the folder with what its lock names beside it. Raises `Missing`."""
    program = shutil.which("npm")
    if program is None:
        raise Missing("npm is not installed (Debian: apt-get install npm)")
    command = [program, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    return _installed(source, into, say, lambda folder: _run(command, folder))


def python(source: Path, *, into: Path, say: Say) -> Path:
    """The interpreter of an environment with what the folder's `requirements.txt` names alone. Raises `Missing`."""

    def make(folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False)
        pip = [sys.executable, "-m", "pip", "--python", "venv/bin/python", "install", "--quiet", "--no-deps"]
        _run([*pip, "--disable-pip-version-check", "-r", "requirements.txt"], folder)

    return _installed(source, into, say, make) / "venv" / "bin" / "python"


class Peer:
    """A program that answers each line of JSON with one."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  as long as the process
        self._process = subprocess.Popen(  # noqa: S603  a script of ours
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def ask(self, question: object) -> Any:
        """Its answer. Raises `Refused` if that is an error, or if it has ended."""
        sent, heard = _pipes(self._process)
        try:
            sent.write(json.dumps(question) + "\n")
            sent.flush()
            line = heard.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._log.seek(0)
            raise Refused(f"it ended: {self._log.read()[-500:]}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise Refused(answer["error"])
        return answer

    def close(self) -> None:
        """End it."""
        with suppress(BrokenPipeError), self._log, self._process:
            self._process.kill()


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _installed(source: Path, into: Path, say: Say, make: Callable[[Path], None]) -> Path:
    """A folder whose name tells the content of `source`, made once."""
    files = sorted(file for file in source.iterdir() if file.is_file())
    said = hashlib.sha256(b"\0".join(file.read_bytes() for file in files))
    kept = into / f"{source.parent.name}-{source.name}-{said.hexdigest()[:12]}"
    if (kept / "complete").exists():
        return kept
    say(f"installs {source.name} peers, once")
    into.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(source, kept, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    make(kept)
    (kept / "complete").touch()
    return kept


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603
    except subprocess.CalledProcessError as failure:
        last = failure.stderr.strip().splitlines()[-1:] or ["no word"]
        raise Missing(f"{Path(command[0]).name} could not install it: {last[0]}") from failure
    except subprocess.TimeoutExpired as slow:
        raise Missing(f"{Path(command[0]).name} could not install it in {PATIENCE} s") from slow
