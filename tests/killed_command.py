"""A command of an operator that is killed at a chosen moment: `python killed_command.py MOMENT NUMBER tasks erase ...`.

`kill -9` by its own hand, right after it has done something for that many times: nothing is tidied up.
"""

import importlib
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

SMALL = 2
"""Rows in a batch: there is much to be killed between."""


def run(moment: str, number: int, words: list[str], environment: Mapping[str, str]) -> int:
    """The exit status of `segue tasks` with these words, killed at the moment."""
    command = [sys.executable, __file__, moment, str(number), *words]
    ended = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, timeout=100, check=False)
    print(ended.stderr.decode())
    return ended.returncode


def _dies(done: Callable[..., Any], number: int) -> Callable[..., Any]:
    times = count(1)

    def die() -> None:
        if next(times) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def at_once(*given: Any, **named: Any) -> Any:
        result = done(*given, **named)
        die()
        return result

    async def awaited(*given: Any, **named: Any) -> Any:
        result = await done(*given, **named)
        die()
        return result

    return awaited if inspect.iscoroutinefunction(done) else at_once


def _main(moment: str, number: str, *words: str) -> int:
    """`moment` is `module:function` or `module:Class.method` within `segue_resource.stores`."""
    from segue_resource.stores.ending import erasures
    from segue_resource.stores.keys import rotation
    from segue_resource.tasks_command import tasks

    erasures.BATCH = SMALL
    rotation._NEXT = rotation._NEXT.limit(SMALL)
    module, _, path = moment.partition(":")
    *outer, name = path.split(".")
    place: Any = importlib.import_module(f"segue_resource.stores.{module}")
    for part in outer:
        place = getattr(place, part)
    setattr(place, name, _dies(getattr(place, name), int(number)))
    return tasks(list(words))


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
