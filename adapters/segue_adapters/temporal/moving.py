"""For workflows: activities run at the worker of the device that holds the task, and go on at the next one's.

The history of a workflow is kept by others, so no token is in it: only which task, and which epoch of it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

LOST = "segue.Lost"
"""The type of the error of an activity whose device has lost the task."""


@dataclass(frozen=True)
class Holder:
    """The device that holds a task: its worker listens at `queue`, and has the grant."""

    task_id: str
    epoch: int

    @property
    def queue(self) -> str:
        return f"segue-{self.task_id}-{self.epoch}"


class Moving:
    """What a workflow knows of the device that works for it. Give `continue_on` a signal handler."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self._calls = 0

    def continue_on(self, holder: Holder) -> None:
        """Another device has the task. A lower epoch comes from one that has lost it, and changes nothing."""
        if holder.task_id == self.holder.task_id and holder.epoch > self.holder.epoch:
            self.holder = holder

    async def call(
        self,
        activity: Callable[..., Any],
        args: Sequence[Any] = (),
        *,
        start_to_close: timedelta = timedelta(hours=1),
        heartbeat: timedelta = timedelta(seconds=30),
        **options: Any,
    ) -> Any:
        """Run the activity once, on however many devices. `options` are those of `workflow.start_activity`."""
        self._calls += 1
        number, tries = self._calls, 0
        while True:
            tries += 1
            holder = self.holder
            running = workflow.start_activity(
                activity,
                args=args,
                activity_id=f"call-{number}@{tries}",
                task_queue=holder.queue,
                start_to_close_timeout=start_to_close,
                heartbeat_timeout=heartbeat,
                **options,
            )
            moved = asyncio.create_task(self._moved_from(holder))
            try:
                await workflow.wait([running, moved], return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    return await running
                running.cancel()  # the device may be out of reach: nobody waits for it
            except ActivityError as failed:
                if not _lost(failed):
                    raise
                await moved  # who has taken the task tells us
            finally:
                moved.cancel()

    async def _moved_from(self, holder: Holder) -> None:
        await workflow.wait_condition(lambda: self.holder != holder)


def _lost(failed: ActivityError) -> bool:
    return isinstance(failed.cause, ApplicationError) and failed.cause.type == LOST
