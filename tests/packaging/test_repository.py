"""Nothing in the repository tells where it was written: no paths of a machine, no hosts of its package registries."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PUBLIC_REGISTRIES = {"pypi.org", "files.pythonhosted.org"}
STANDARD_FOLDERS = {"dev", "etc", "home", "media", "mnt", "opt", "root", "run", "srv", "tmp", "usr", "var"}
HOMES = r"/(?:home|Users|root)/[A-Za-z][\w.-]*/|[A-Z]:\\Users\\"
REGISTRY = r"(?:--(?:extra-)?index-url|--find-links|trusted-host|index-url\s*=)"
ALLOWED = {"tests/packaging/test_repository.py"}
"""This file has to name what it forbids."""


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file() and name not in ALLOWED]


def found(pattern: str) -> list[str]:
    """Where the pattern is, in the name of a file or in its text."""
    expression = re.compile(pattern)
    places = []
    for name in files():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        lines = [number for number, line in enumerate(text.splitlines(), 1) if expression.search(line)]
        places += [f"{name}:{number}" for number in lines] + ([name] if expression.search(f"/{name}") else [])
    return places


def own_folders() -> Iterator[str]:
    """The top folder this clone lies in, unless every machine has one of that name; and the user's home."""
    top = ROOT.parts[1] if len(ROOT.parts) > 2 else ""
    if top and top not in STANDARD_FOLDERS:
        yield f"/{top}/"
    if len(Path.home().parts) > 2:
        yield f"{Path.home()}/"


def own_registries() -> set[str]:
    """The hosts and folders pip is set up for on this machine, other than the public ones."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    settings = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    addresses = [urlsplit(address) for address in re.findall(r"[a-z]+://[^\s'\"]+", settings)]
    return {address.hostname or address.path for address in addresses} - PUBLIC_REGISTRIES - {"", "/"}


@pytest.mark.parametrize("pattern", [HOMES, REGISTRY])
def test_no_file_names_a_home_or_a_registry(pattern: str) -> None:
    assert found(pattern) == []


def test_no_file_names_the_folders_of_this_machine() -> None:
    for folder in own_folders():
        assert found(rf"(?<![\w./:-]){re.escape(folder)}") == []


def test_no_file_names_the_registries_of_this_machine() -> None:
    for registry in own_registries():
        assert found(rf"(?<![\w-]){re.escape(registry)}(?![\w-])") == []


def test_these_tests_see_what_they_forbid() -> None:
    texts = ["see /home/somebody/clone", "C:\\Users\\somebody", "pip install --extra-index-url x"]
    assert all(any(re.search(pattern, text) for pattern in (HOMES, REGISTRY)) for text in texts)
    assert found("Segue, for development") != []
