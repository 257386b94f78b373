"""The npm package of the chat front ends, built as its README says, in a copy beside which its lock is installed."""

import shutil
import subprocess
from pathlib import Path

from npm_package import PATIENCE, installed
from server_process import binary

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "adapters" / "web"


def built_package(folder: Path) -> Path:
    """The package with its `dist`."""
    package = folder / "adapters" / "web"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "demo_clients").symlink_to(ROOT / "demo_clients")
    (package / "node_modules").symlink_to(_dependencies(folder) / "node_modules")
    run_npm(package, "run", "build")
    return package


def run_npm(package: Path, *words: str) -> str:
    """What npm says to this."""
    command = [str(binary("npm")), "--loglevel=error", *words]
    ran = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def run_tool(package: Path, name: str, *words: str) -> str:
    """What a program among the package's dependencies says to this."""
    command = [str(package / "node_modules" / ".bin" / name), *words]
    ran = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _dependencies(folder: Path) -> Path:
    """What the lock names, which is installed anew only when the lock changes."""
    locked = folder / "segue-chat"
    locked.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, locked)
    return installed(locked)
