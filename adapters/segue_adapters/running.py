"""Which execution a tool is in: agents call their tools with arguments alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from segue_client.tool_runs import Run

_run: ContextVar[Run | None] = ContextVar("segue_run", default=None)


def running() -> Run | None:
    """The execution that the tool which asks is in: its `downstream_key` is the same in every attempt."""
    return _run.get()


@contextmanager
def executing(run: Run) -> Iterator[None]:
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)
