"""A workflow that outlives the device, and its activities: as in the documentation of the adapter."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from adapters.downstream import Downstream
    from segue_adapters.running import running
from segue_adapters.temporal.moving import Holder, Moving

DOWNSTREAM: list[Downstream] = []
FAILS: list[str] = []


@dataclass
class Clause:
    number: str
    precedents: int


@activity.defn
async def compare_precedents(clause: Clause) -> dict[str, str]:
    found = f"{clause.number} is in {clause.precedents} precedents"
    return {"finding": str(await DOWNSTREAM[0].execute(running().downstream_key, found))}


@activity.defn
def write_letter(finding: str) -> str:
    if FAILS:
        raise RuntimeError(FAILS.pop())
    DOWNSTREAM[0].executed.append(running().downstream_key)
    return f"Dear Acme: {finding}"


@workflow.defn
class ReviewWorkflow:
    @workflow.init
    def __init__(self, holder: Holder) -> None:
        self.moving = Moving(holder)

    @workflow.signal
    def continue_on(self, holder: Holder) -> None:
        self.moving.continue_on(holder)

    @workflow.run
    async def run(self, holder: Holder) -> str:
        found = await self.moving.call(compare_precedents, [Clause("7.2", 40)])
        letter = await self.moving.call(
            write_letter,
            [found["finding"]],
            retry_policy=RetryPolicy(maximum_attempts=3, initial_interval=timedelta(milliseconds=10)),
        )
        return str(letter)


@workflow.defn
class SleepingWorkflow:
    """Asks for nothing that workflows may not ask for; that it is refused is what the sandbox is for."""

    @workflow.run
    async def run(self, holder: Holder) -> None:
        await asyncio.to_thread(print, holder)
