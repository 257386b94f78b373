"""A Segue of its own to attack: both servers on this machine, as the demo runs them, with a few test people."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from segue_threats.machine import open_machine
from segue_threats.target import Configuration

PEOPLE = 24
"""One person may enter ten codes in ten minutes, and a run enters more than a hundred."""


@asynccontextmanager
async def local_instance() -> AsyncIterator[Configuration]:
    """Up and answering for as long as the context lasts; its state is thrown away. Raises `CannotRun`."""
    async with open_machine(PEOPLE) as (configuration, _):
        yield configuration
