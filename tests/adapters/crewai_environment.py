"""A virtual environment with CrewAI, which needs other releases of what the other tests have (of pydantic, for one).

Made once in the clone, from the packages that CrewAI loads here; what it does not load is left out.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-crewai"
PACKAGES = ROOT / "bench/segue_bench/subjects/adapters/crewai/requirements.txt"
PARTS = [str(ROOT / part) for part in ("resource/middleware", "client", "adapters")]


def crewai_python() -> Path:
    """The interpreter of the environment. It is made where everything is tested, and the test skipped elsewhere."""
    stamp, wanted = ENVIRONMENT / "segue.stamp", hashlib.sha256(PACKAGES.read_bytes()).hexdigest()
    if not _made(stamp, wanted):
        if not (os.environ.get("SEGUE_TEST_EVERYTHING") or os.environ.get("CI")):
            pytest.skip("CrewAI is not installed: SEGUE_TEST_EVERYTHING=1 makes .venv-crewai (641 MB)")
        _make(stamp, wanted)
    return ENVIRONMENT / "bin/python"


def _made(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


def _make(stamp: Path, wanted: str) -> None:
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / "segue.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if _made(stamp, wanted):
            return
        venv.create(ENVIRONMENT, symlinks=True)
        pip = [sys.executable, "-m", "pip", "--python", str(ENVIRONMENT / "bin/python")]
        install = [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", str(PACKAGES)]
        subprocess.run(install, check=True, timeout=400)
        stamp.write_text(wanted)


def crewai_settings(home: Path) -> dict[str, str]:
    """The environment of a program that runs CrewAI: nothing of it leaves this machine or is kept outside `home`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(PARTS),
        "CREWAI_DISABLE_TELEMETRY": "true",
        "CREWAI_DISABLE_VERSION_CHECK": "true",
        "CREWAI_TRACING_ENABLED": "false",
        "CREWAI_STORAGE_DIR": "flows",
        "OTEL_SDK_DISABLED": "true",
        "NO_PROXY": "*",
    }
