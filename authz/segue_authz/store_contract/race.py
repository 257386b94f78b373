"""Races inside one process: many calls at once, and what each of them came to."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from segue_authz.domain.grant import Reused, Withdrawn
from segue_authz.store_contract.law import ContractBroken, Law
from segue_authz.stores.port import CodeTaken

T = TypeVar("T")

ROUNDS, RACERS = 3, 12
"""How often each race is run, and by how many."""


async def together(law: Law, calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Let all begin before any goes on. An exception means that the store cannot stand the race: the law is broken."""
    gate = asyncio.Event()
    racing = [asyncio.create_task(_after(gate, call)) for call in calls]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait(racing)
    for error in (each.exception() for each in racing):
        if isinstance(error, ContractBroken):
            raise error
        if error is not None:
            raise ContractBroken(law, f"a call in a race raised {error!r}.") from error
    return [each.result() for each in racing]


async def _after(gate: asyncio.Event, call: Coroutine[Any, Any, T]) -> T:
    await gate.wait()
    return await call


async def settled(call: Coroutine[Any, Any, T]) -> T | Withdrawn | Reused | CodeTaken:
    """What the call returns, or one of the refusals the contract names."""
    try:
        return await call
    except (Withdrawn, Reused, CodeTaken) as refused:
        return refused
