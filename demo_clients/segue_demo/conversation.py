"""A person at a terminal and a task that goes on: what is typed is obeyed while what happens is printed."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx2
from segue_client.device import Refused
from segue_client.task_client import TaskClient

from segue_demo.event_line import event_line, plain

BEAT = 10
"""Seconds between words of presence."""
Command = Callable[[str], Awaitable[None]]
"""Gets the words after its name."""


async def typed_lines() -> AsyncIterator[str]:
    """The lines of standard input, until it ends.

    Read in a thread of its own, without the buffer that the interpreter wants to lock when it ends.
    """
    loop, typed = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read() -> None:
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw, suppress(RuntimeError):  # loop closed
            for line in raw:
                loop.call_soon_threadsafe(typed.put_nowait, line.decode(errors="replace").strip())
            loop.call_soon_threadsafe(typed.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await typed.get()) is not None:
        yield line


def show_resume(view: Mapping[str, Any]) -> None:
    """A resume: greeting, paragraph, working set, tool calls that are not finished, the last of the history."""
    print(f"\n{plain(view['greeting'])}\n{plain(view['paragraph'])}\n")
    for item in view["working_set"]:
        print(f"  {item['type']:10} {'✓' if item['status'] == 'settled' else ' '} {plain(item['title'])}")
    for call in view["tool_calls"]:
        print(f"  tool call  {plain(call['title'])}: {call['state']}")
    print("\n".join(["", *map(event_line, view["events"])]), flush=True)


async def converse(
    task: TaskClient,
    session_id: str,
    *,
    after: int,
    typed: AsyncIterator[str],
    say: Command,
    commands: Mapping[str, Command],
) -> None:
    """In a session of the task, behind its event `after`.

    Until `/quit`, the end of the input, or the end of access: raises `Refused` for that one.
    A line that begins with `/` is a command, every other is said. A command that is refused is told, and that is all.
    """
    following = asyncio.create_task(_follow(task, after=after))
    obeying = asyncio.create_task(_obey(typed, say=say, commands=commands))
    attending = asyncio.create_task(_attend(task, session_id))
    try:
        done, _ = await asyncio.wait({following, obeying}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        running = following, obeying, attending
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for ended in done:
        ended.result()


async def _attend(task: TaskClient, session_id: str) -> None:
    """Whoever has the program open is there. If that cannot be said the task goes on all the same."""
    while True:
        with suppress(Refused, httpx2.TransportError):
            await task.attend(session_id)
        await asyncio.sleep(BEAT)


async def _follow(task: TaskClient, *, after: int) -> None:
    async for event in task.follow(after=after):
        if not event["kind"].startswith("state."):  # what the agent keeps for itself
            print(event_line(event), flush=True)


async def _obey(typed: AsyncIterator[str], *, say: Command, commands: Mapping[str, Command]) -> None:
    async for line in typed:
        name, _, words = line.removeprefix("/").partition(" ")
        if line == "/quit":
            return
        try:
            if line.startswith("/") and name not in commands:
                print("There are", ", ".join(f"/{known}" for known in [*commands, "quit"]), flush=True)
            elif line.startswith("/"):
                await commands[name](words.strip())
            elif line:
                await say(line)
        except Refused as refused:
            print(f"Refused: {plain(refused.description)} ({refused.error})", flush=True)
        except httpx2.TransportError as failure:
            print(f"Not reached: {failure}", flush=True)
