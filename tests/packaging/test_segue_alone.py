"""The middleware's wheel in a clean virtual environment, with cryptography beside it and nothing else."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("E1", "U2")
NEEDED = ("cryptography", "cryptography-*", "cffi", "cffi-*", "_cffi_backend*", "pycparser", "pycparser-*")
SERVES = """
import asyncio, importlib.util, sys
from segue.middleware import TaskTokenMiddleware
from segue.requires import requires
from segue.testing import TestDevice, TestIssuer
from segue.wsgi import TaskTokenMiddleware as ForWsgi

for name in ("starlette", "fastapi", "flask", "django", "httpx2", "joserfc", "jwt", "segue_storage", "segue_authz"):
    assert importlib.util.find_spec(name) is None, name
issuer, device, answers = TestIssuer(), TestDevice(), []

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def send(message):
    if message["type"] == "http.response.start":
        answers.append((message["status"], dict(message["headers"]).get(b"dpop-nonce", b"").decode()))

async def main():
    names = {"issuer": issuer.issuer, "audience": issuer.audience, "fetch": issuer.fetch}
    asgi, token, nonce = TaskTokenMiddleware(app, **names), issuer.token(device), None
    for _ in range(2):
        headers = device.headers("GET", f"{issuer.audience}/", token, nonce=nonce)
        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await asgi({"type": "http", "method": "GET", "path": "/", "headers": fields}, None, send)
        nonce = answers[-1][1]
    ForWsgi(app, **names).close()

asyncio.run(main())
print(*(status for status, _ in answers), sys.modules["segue"].__file__)
"""


@pytest.fixture(scope="module")
def clean(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment's folder. What the wheel asks for is linked to, as an index would give it."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder)
    installed = Path(sysconfig.get_path("purelib"))
    packages = folder / installed.relative_to(sys.prefix)
    for pattern in NEEDED:
        for found in installed.glob(pattern):
            (packages / found.name).symlink_to(found)
    command = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-index"]
    subprocess.run([*command, "--disable-pip-version-check", str(wheels["segue"])], check=True, timeout=120)
    return folder


def done(clean: Path, program: str, *words: str) -> str:
    command = [str(clean / "bin" / program), *words]
    return subprocess.run(
        command, cwd=clean, env={}, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_it_serves_and_no_framework_is_there(clean: Path) -> None:
    first, second, where = done(clean, "python", "-W", "error", "-c", SERVES).split()
    assert (first, second) == ("401", "204")
    assert Path(where).is_relative_to(clean)


def test_its_command_knows_what_is_installed(clean: Path) -> None:
    assert done(clean, "segue", "--version").endswith("0.1.0")
    assert done(clean, "segue", "--help").splitlines()[0].startswith("usage: segue COMMAND")
