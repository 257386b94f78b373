"""A demo client as somebody at a terminal uses it: reads what it prints, types, and photographs the codes it draws."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import zxingcpp
from PIL import Image

PATIENCE = 60
"""Seconds in which something has to be printed; a loaded machine is slow."""
MODULE = 4
"""Pixels of the image drawn from the terminal's characters."""
_MAIN = "import sys; from ours.{}.command import main; sys.exit(main(sys.argv[1:]))"


class Program:
    """`printed` is every line so far."""

    def __init__(self, process: Process) -> None:
        self.printed: list[str] = []
        self._process = process

    async def until(self, text: str) -> str:
        """Read on to the next line with this in it."""
        try:
            async with asyncio.timeout(PATIENCE):
                while text not in (line := await self._line()):
                    pass
                return line
        except TimeoutError as late:
            raise AssertionError(f"no line with “{text}”:\n" + "\n".join(self.printed)) from late

    async def photographed(self) -> str:
        """Read on over the next QR code to the line below it, and decode the code."""
        before = len(self.printed)
        async with asyncio.timeout(PATIENCE):
            while not (await self._line()).startswith("or "):
                pass
        return photographed([line for line in self.printed[before:] if set(line) & set("█▀▄")])

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def ends(self) -> int:
        """The exit status, once everything it prints is read."""
        async with asyncio.timeout(PATIENCE):
            while await self._line(at_end_too=True):
                pass
            return await self._process.wait()

    async def _line(self, *, at_end_too: bool = False) -> str:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        assert line or at_end_too, "it has ended:\n" + "\n".join(self.printed)
        self.printed.append(line.rstrip("\n"))
        return line


@asynccontextmanager
async def program(name: str, *words: str, copied: Path) -> AsyncIterator[Program]:
    """The command of a client in the package `ours` of this folder; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _MAIN.format(name),
        *words,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        env=dict(os.environ) | {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(copied)},
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def photographed(lines: Sequence[str]) -> str:
    """What a camera reads off a terminal."""
    width = max(map(len, lines))
    image = Image.new("L", (width * MODULE, 2 * len(lines) * MODULE), 0)
    for row, line in enumerate(lines):
        for column, block in enumerate(line):
            for half, lit in enumerate((block in "█▀", block in "█▄")):
                box = (column * MODULE, (2 * row + half) * MODULE)
                image.paste(255 if lit else 0, (*box, box[0] + MODULE, box[1] + MODULE))
    codes = [code.text for code in zxingcpp.read_barcodes(image)]
    assert len(codes) == 1, codes
    return codes[0]
