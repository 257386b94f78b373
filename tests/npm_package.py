"""Programs of other people from npm: installed by their lock once, apart from this tree, used by every later run."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from server_process import binary

PATIENCE = 180
"""Seconds npm may take."""


def installed(source: Path) -> Path:
    """A copy of the folder with what its lock names."""
    files = sorted(file for file in source.iterdir() if file.is_file())
    said = hashlib.sha256(b"\0".join(file.read_bytes() for file in files))
    kept = _cache() / f"{source.name}-{said.hexdigest()[:12]}"
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        new = Path(folder, "new")
        shutil.copytree(source, new, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        command = [str(binary("npm")), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=new, check=True, capture_output=True, timeout=PATIENCE)
        try:
            new.rename(kept)
        except OSError:  # another test run was first
            if not kept.is_dir():
                raise
    return kept


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "segue-tests"
