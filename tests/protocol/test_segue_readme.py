"""Each example of the middleware's README runs as it stands there, in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytestmark = pytest.mark.requirement("E1", "U2")
README = Path(__file__).resolve().parents[2] / "resource" / "middleware" / "README.md"

DRIVE = """
import segue.middleware, segue.wsgi
from segue.testing import TestDevice, TestIssuer
issuer, device = TestIssuer(), TestDevice()
segue.middleware.fetch_url = segue.wsgi.fetch_url = issuer.fetch
{load}
URL = "https://agent.example"
for task, actions, expected in (
    ("tsk_1", ["tool_calls:claim"], (200, {{"task": "tsk_1"}})),
    ("tsk_1", ["task:read"], (403, "insufficient_scope")),
    ("tsk_2", ["tool_calls:claim"], (404, "urn:segue:problem:not-found")),
):
    token = issuer.token(device, task_id="tsk_1", actions=actions)
    answer = device.request(client, "POST", f"{{URL}}/tasks/{{task}}/run", token)
    body = answer.json() if callable(answer.json) else answer.json
    told = body if answer.status_code == 200 else body.get("error", body["type"])
    assert (answer.status_code, told) == expected, (answer.status_code, body)
assert client.request("POST", f"{{URL}}/tasks/tsk_1/run", headers={{}}).status_code == 401
"""
ASGI = """
from app import app
from starlette.testclient import TestClient
client = TestClient(app, base_url="https://agent.example", raise_server_exceptions=False)
"""
WSGI = """
from {module} import {name} as served
from werkzeug.test import Client
class Asked:
    def request(self, method, url, *, headers):
        return Client(served).open(url.removeprefix("https://agent.example"), "https://agent.example", method=method,
                                   headers=headers)
client = Asked()
"""


def examples(heading: str) -> list[str]:
    """The Python blocks under a heading."""
    section = re.split(r"^## ", README.read_text("utf-8"), flags=re.MULTILINE)
    (found,) = [text for text in section if text.startswith(f"{heading}\n")]
    return re.findall(r"```python\n(.*?)```", found, flags=re.DOTALL)


def run(folder: Path, load: str) -> None:
    script = DRIVE.format(load=load)
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("heading", ["Starlette", "FastAPI"])
def test_the_asgi_example_protects_its_handler(tmp_path: Path, heading: str) -> None:
    (example,) = examples(heading)
    (tmp_path / "app.py").write_text(example)
    run(tmp_path, ASGI)


def test_the_flask_example_protects_its_handler(tmp_path: Path) -> None:
    (example,) = examples("Flask")
    (tmp_path / "app.py").write_text(example)
    run(tmp_path, WSGI.format(module="app", name="app"))


def test_the_django_example_protects_its_view(tmp_path: Path) -> None:
    project = tmp_path / "backend"
    project.mkdir()
    views, wsgi = examples("Django")
    settings = """
    ALLOWED_HOSTS, ROOT_URLCONF, SECRET_KEY = ["agent.example"], "backend.urls", "s" * 50
    MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    """
    urls = """
    from django.urls import path
    from backend.views import run
    urlpatterns = [path("tasks/<task_id>/run", run)]
    """
    texts = {"__init__": "", "settings": dedent(settings), "urls": dedent(urls), "views": views, "wsgi": wsgi}
    for name, text in texts.items():
        (project / f"{name}.py").write_text(text)
    run(tmp_path, WSGI.format(module="backend.wsgi", name="application"))


def test_the_example_of_a_test_is_a_good_test(tmp_path: Path) -> None:
    (app,), (test,) = examples("Starlette"), examples("Your tests")
    inner = app.rpartition("app = TaskTokenMiddleware")[0]
    script = f"{inner}\nfrom starlette.testclient import TestClient\n{test}"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
