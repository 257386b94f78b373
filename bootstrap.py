"""Make the clone runnable: a virtual environment with every part installed from this tree.

Used by the two commands of the README, `./segue` and `./check`. Needs Python 3.11 or later and nothing else.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PARTS = (
    "resource/middleware",
    "resource/storage",
    "resource/server",
    "resource/mcp",
    "resource/a2a",
    "authz",
    "client",
    "adapters",
    "demo_clients",
    "threats",
    "bench",
)
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin")


def prepare(*, development: bool) -> Path:
    """Install the parts (and the development tools) if a manifest has changed; return the environment's `bin`."""
    if sys.version_info < (3, 11):
        raise SystemExit(f"Segue needs Python 3.11 or later; this is {sys.version.split()[0]}.")
    stamp = ENVIRONMENT / f"segue-{'development' if development else 'runtime'}.stamp"
    wanted = _manifests_digest()
    if stamp.exists() and stamp.read_text() == wanted:
        return BIN
    print("Installing Segue and what it needs into .venv (once; about half a minute) ...", file=sys.stderr, flush=True)
    if not (BIN / "pip").exists() and not (BIN / "pip.exe").exists():
        try:
            venv.create(ENVIRONMENT, with_pip=True)
        except subprocess.CalledProcessError as failure:
            raise SystemExit(
                "Python could not make a virtual environment; on Debian: apt install python3-venv"
            ) from failure
    editable = [word for part in PARTS for word in ("-e", str(ROOT / part))]
    workspace = f"{ROOT}[dev]" if development else str(ROOT)
    command = [BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["-c", ROOT / "constraints.txt", *editable, "-e", workspace]
    if subprocess.run([str(word) for word in command]).returncode != 0:
        raise SystemExit("The packages could not be installed; pip says why above.")
    stamp.write_text(wanted)
    return BIN


def _manifests_digest() -> str:
    files = [ROOT / "pyproject.toml", ROOT / "constraints.txt", *(ROOT / part / "pyproject.toml" for part in PARTS)]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
