"""What a parser is to the fuzzers: bytes go in, and it accepts or refuses as its docstring says."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

Run = Callable[[bytes], None]


@dataclass(frozen=True)
class Parser:
    """One entry of the table.

    `run` returns when the input was accepted rightly or refused as it should be; every exception is a finding, an
    `AssertionError` one that something was accepted that must not be. `covers` are the functions, as `reading.py` names
    them, that `run` reaches. `seeds` are where the fuzzers begin; `modules` are watched for coverage.
    """

    name: str
    run: Run
    covers: tuple[str, ...]
    seeds: tuple[bytes, ...]

    @property
    def modules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(function.partition(":")[0] for function in self.covers))


PARSERS: dict[str, Parser] = {}


def parser(name: str, *covers: str, seeds: Iterable[bytes]) -> Callable[[Run], Run]:
    """Put one into the table."""

    def enter(run: Run) -> Run:
        if name in PARSERS:
            raise ValueError(f"two parsers are called {name}")
        PARSERS[name] = Parser(name, run, covers, tuple(seeds))
        return run

    return enter


_LOOP: list[asyncio.AbstractEventLoop] = []


def waited(work: Coroutine[Any, Any, Any]) -> Any:
    """The outcome of what is written as a coroutine, and waits for nothing outside."""
    if not _LOOP:
        _LOOP.append(asyncio.new_event_loop())
    return _LOOP[0].run_until_complete(work)


def text(data: bytes) -> str:
    """What a server makes of the bytes of a header field."""
    return data.decode("latin-1")


def any_text(data: bytes) -> str:
    """What JSON and forms may hold: any characters, lone surrogates too."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return text(data)
