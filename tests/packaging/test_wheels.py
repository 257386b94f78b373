"""What each wheel contains, what it asks for, what importing it loads, and that the demo runs from wheels alone."""

import json
import subprocess
import sys
import sysconfig
import zipfile
from email.message import Message
from email.parser import Parser
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
CARRIED = {"segue_threats": {"segue_threats/threats.yaml"}}
"""What lies elsewhere in the clone: the catalogue is specs/threats.yaml."""
LOADED_BY_THE_MIDDLEWARE = {"segue", "cryptography", "_cffi_backend", "_openssl"}


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(
            archive.read(next(name for name in names(wheel) if name.endswith("/METADATA"))).decode()
        )


def source_files(package: str) -> set[str]:
    """What git has, or would have, of the package."""
    folder = ROOT / PARTS[package]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", package]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (folder / name).is_file()}


def without_editable(unpacked: Path, code: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python on the unpacked wheels and what is installed beside them; with `-S` it does not see this clone."""
    path = f"import sys; sys.path[:0] = [{str(unpacked)!r}]; sys.path.append({sysconfig.get_path('purelib')!r})\n"
    command = [sys.executable, "-I", "-S", "-c", path + code, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.requirement("E1", "E5")
@pytest.mark.parametrize("package", PARTS)
def test_a_wheel_holds_its_package_whole_and_nothing_else(wheels: dict[str, Path], package: str) -> None:
    held = names(wheels[package])
    content = {name for name in held if not name.partition("/")[0].endswith(".dist-info")}
    assert content == source_files(package) | CARRIED.get(package, set())
    assert f"{package}/py.typed" in content


@pytest.mark.requirement("E5")
@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("segue_authz", "segue_authz/pages/templates/confirm.html"),
        ("segue_authz", "segue_authz/pages/static/pages.css"),
        ("segue_authz", "segue_authz/pages/locale/ar/LC_MESSAGES/pages.po"),
        ("segue_authz", "segue_authz/migrations/versions/0001_first_tables.py"),
        ("segue_resource", "segue_resource/migrations/versions/0001_tasks.py"),
        ("segue_demo", "segue_demo/static/segue/push_transfer.js"),
        ("segue_demo", "segue_demo/static/vendor/qr/LICENSE"),
        ("segue_threats", "segue_threats/report/report.html"),
        ("segue_threats", "segue_threats/report/lab.css"),
        ("segue_bench", "segue_bench/report/report.html"),
        ("segue_bench", "segue_bench/subjects/middleware/node_libraries/package-lock.json"),
    ],
)
def test_pages_migrations_and_scripts_are_in_the_wheels(wheels: dict[str, Path], package: str, file: str) -> None:
    assert file in names(wheels[package])


@pytest.mark.parametrize("package", PARTS)
def test_a_wheel_brings_the_license_of_the_repository(wheels: dict[str, Path], package: str) -> None:
    (held,) = [name for name in names(wheels[package]) if name.endswith(".dist-info/licenses/LICENSE")]
    with zipfile.ZipFile(wheels[package]) as archive:
        assert archive.read(held) == (ROOT / "LICENSE").read_bytes()
    assert metadata(wheels[package])["License-Expression"] == "Apache-2.0"


@pytest.mark.requirement("E1")
def test_the_middleware_asks_for_cryptography_alone(wheels: dict[str, Path]) -> None:
    asked = [line.partition(";") for line in metadata(wheels["segue"]).get_all("Requires-Dist", [])]
    needed = [name.partition(">")[0].strip() for name, _, condition in asked if "extra ==" not in condition]
    assert needed == ["cryptography"]
    extras = {condition.strip() for _, _, condition in asked if condition}
    assert extras == {"extra == 'fastapi'"}


@pytest.mark.requirement("E1", "U2")
@pytest.mark.parametrize(
    "module",
    [
        "segue.middleware",
        "segue.wsgi",
        "segue.requires",
        "segue.testing",
        "segue.command",
    ],
)
def test_importing_the_middleware_loads_neither_a_framework_nor_a_database(
    unpacked: Path, tmp_path: Path, module: str
) -> None:
    done = without_editable(
        unpacked, f"import json, {module}; print(json.dumps([{module}.__file__, *sys.modules]))", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    file, *loaded = json.loads(done.stdout)
    assert Path(file).is_relative_to(unpacked)
    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"__main__"}
    assert foreign <= LOADED_BY_THE_MIDDLEWARE


@pytest.mark.requirement("E1")
def test_the_middleware_installed_alone_brings_nothing_else_of_ours_and_serves(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """Into a folder of its own, with what it needs taken from this environment as an index would give it."""
    with zipfile.ZipFile(wheels["segue"]) as archive:
        archive.extractall(tmp_path)
    code = """
import asyncio, importlib.util, json, pkgutil
assert [name for name in ("segue_storage", "segue_authz") if importlib.util.find_spec(name)] == []
from segue.middleware import TaskTokenMiddleware
from segue.testing import TestIssuer
issuer, sent = TestIssuer(), []
async def app(scope, receive, send): raise AssertionError("reached")
async def send(message): sent.append(message)
guarded = TaskTokenMiddleware(app, issuer=issuer.issuer, audience=issuer.audience, fetch=issuer.fetch)
scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
asyncio.run(guarded(scope, None, send))
from segue.command import main
print(sent[0]["status"])
"""
    done = without_editable(tmp_path, code, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "401"), done.stderr


@pytest.mark.requirement("E1")
def test_a_user_of_the_middleware_is_checked_by_mypy_strict(unpacked: Path, tmp_path: Path) -> None:
    good = """
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from segue.middleware import TaskTokenMiddleware
from segue.requires import requires
from segue.task_token import TaskToken
from segue.wsgi import TaskTokenMiddleware as ForWsgi

class Request:
    scope: MutableMapping[str, Any]

@requires("task:read", task="task_id")
async def read(request: Request) -> str:
    token: TaskToken = request.scope["segue"]
    return token.authority.task_id

@requires("task:read")
def read_now(request: Request) -> str:
    return "x"

async def app(scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
              send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None: ...

TaskTokenMiddleware(app, issuer="https://id.example", audience="https://agent.example")
length: int = len(read_now(Request()))
"""
    bad = good + 'read_now(7)\nread_now(Request()) + 1\nTaskTokenMiddleware(app, issuer=1, audience="")\n'
    (tmp_path / "good.py").write_text(good)
    (tmp_path / "bad.py").write_text(bad)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", str(tmp_path / "cache")]
    checked = [
        subprocess.run([*command, name], cwd=tmp_path, capture_output=True, text=True, check=False)
        for name in ("good.py", "bad.py")
    ]
    assert checked[0].returncode == 0, checked[0].stdout
    assert checked[1].stdout.count(": error:") == 3, checked[1].stdout


@pytest.mark.requirement("E5", "E6")
def test_the_demo_does_its_transfer_from_the_wheels_alone(unpacked: Path, tmp_path: Path) -> None:
    code = "from segue.command import main; import segue_authz, segue_demo, segue_resource, segue_storage\n"
    code += "print(segue_authz.__file__, segue_demo.__file__, segue_resource.__file__, segue_storage.__file__)\n"
    code += "sys.exit(main())"
    done = without_editable(unpacked, code, "demo", "--check", "--json", "--job-seconds", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files, report = done.stdout.splitlines()
    assert all(Path(file).is_relative_to(unpacked) for file in files.split())
    assert json.loads(report)["ok"] is True


@pytest.mark.requirement("E6")
def test_outside_of_a_clone_the_acceptance_command_says_that_it_needs_one(unpacked: Path, tmp_path: Path) -> None:
    done = without_editable(unpacked, "from segue.command import main; sys.exit(main())", "acceptance", cwd=tmp_path)
    assert done.returncode == 2
    assert "clone" in done.stderr
