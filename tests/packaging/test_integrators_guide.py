"""specs/integrators-guide.md is followed to the letter, in a new virtual environment, and shows what it says.

What an index would give comes from this environment, and the ports are free ones. The test is the person, too.
"""

import asyncio
import os
import re
import signal
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from segue_demo.browser import Browser
from server_process import free_port

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "specs" / "integrators-guide.md"
PORTS = ("8400", "8401", "8500", "8600")
PATIENCE = 240
DONE = "== done"

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("U2", "E1")]


class Block(NamedTuple):
    """A block of the guide, and the file that it is to be."""

    file: str
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    return [Block(*found) for found in re.findall(r"(?:`([\w.]+)`:\n\n)?```(\w+)\n(.*?)```", text, flags=re.DOTALL)]


def shown(expected: str) -> re.Pattern[str]:
    """What the guide shows, with anything in place of `…`."""
    return re.compile(re.escape(expected).replace("…", ".*"))


class Person:
    """Opens the address that the device prints, and does there what the guide says."""

    async def see(self, line: str) -> None:
        if "/authorize?" not in line:
            return
        redirect_uri = httpx2.URL(line).params["redirect_uri"]
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            browser = Browser(http, username="ada@example.com", password="correct horse battery staple")
            answer = await browser.authorize(line, redirect_uri=redirect_uri, task="new", name="Acme")
            assert "close this window" in (await http.get(redirect_uri, params=dict(answer))).text


class Terminal:
    """A shell in which one block is done after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._typed, self._printed = process.stdin, process.stdout

    async def run(self, script: str, person: Person) -> str:
        """What it prints. Every block has to succeed."""
        self._typed.write(f"{script}\nprintf '\\n{DONE} %s\\n' $?\n".encode())
        printed = []
        while not (line := (await self._printed.readline()).decode().rstrip()).startswith(DONE):
            assert line or not self._printed.at_eof(), f"{script} ended the shell: {printed}"
            printed.append(line)
            await person.see(line)
        assert line == f"{DONE} 0", "\n".join([script, *printed])
        return "\n".join(printed).strip()

    async def write(self, file: str, text: str, person: Person) -> None:
        await self.run(f"cat > {file} <<'== end'\n{text}== end", person)


def environment(folder: Path) -> dict[str, str]:
    """A machine on which nothing of ours is installed; pip finds there what it would find in an index."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PYTHONUNBUFFERED": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


async def test_the_integrators_guide_can_be_followed_to_the_letter(tmp_path: Path) -> None:
    ports = {port: str(free_port()) for port in PORTS}
    text = re.sub("|".join(PORTS), lambda found: ports[found[0]], GUIDE.read_text("utf-8"))
    process = await asyncio.create_subprocess_exec(
        "bash",
        cwd=ROOT,
        env=environment(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=2**20,
    )
    terminal, person, printed, seen = Terminal(process), Person(), "", 0
    try:
        async with asyncio.timeout(PATIENCE):
            for block in blocks(text):
                match block.language:
                    case "python":
                        await terminal.write(block.file, block.text, person)
                    case "sh":
                        printed = await terminal.run(block.text, person)
                    case "text":
                        assert shown(block.text.strip()).fullmatch(printed), printed
                        seen += 1
            where = await terminal.run("python -c 'import segue, segue_authz; print(*segue.__path__)'", person)
            assert Path(where).is_relative_to(tmp_path)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    assert seen == text.count("```text") == 6


def test_what_the_guide_shows_is_compared() -> None:
    assert shown("task: tsk_…, epoch 1").fullmatch("task: tsk_abc, epoch 1")
    assert not shown("task: tsk_…, epoch 1").fullmatch("task: tsk_abc, epoch 2")
