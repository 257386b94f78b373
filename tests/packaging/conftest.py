"""The wheels of all parts, built once from this tree, and a folder in which they are unpacked as if installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "segue": "resource/middleware",
    "segue_storage": "resource/storage",
    "segue_resource": "resource/server",
    "segue_mcp": "resource/mcp",
    "segue_a2a": "resource/a2a",
    "segue_authz": "authz",
    "segue_client": "client",
    "segue_adapters": "adapters",
    "segue_demo": "demo_clients",
    "segue_threats": "threats",
    "segue_bench": "bench",
}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each package."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    command += [
        "--disable-pip-version-check",
        "--wheel-dir",
        str(folder),
        *(str(ROOT / part) for part in PARTS.values()),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    found = {wheel.name.partition("-")[0]: wheel for wheel in folder.glob("*.whl")}
    assert set(found) == set(PARTS)
    return found


@pytest.fixture(scope="session")
def unpacked(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them in one folder."""
    folder = tmp_path_factory.mktemp("unpacked")
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder
