"""Tool calls of one task: devices race for them, leave them behind, take them over, and come back too late."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from history.recorder import Recorder
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.task_client import TaskClient

from campaign.persistence import persist

LEASE, SHORT = 3, 1


class ToolUser:
    """`calls` are all that were proposed. `task_of` is the client of a grant, `mark` gives a new name each time."""

    def __init__(self, recorder: Recorder, *, task_of: Callable[[Grant], TaskClient], mark: Callable[[], str]) -> None:
        self.calls: list[str] = []
        self._recorder = recorder
        self._task_of = task_of
        self._mark = mark
        self._raced_for = itertools.cycle(["irreversible", "reconcilable"])
        self._left_behind = itertools.cycle(["idempotent", "irreversible", "pure", "reconcilable"])

    async def race(self, grants: Sequence[Grant]) -> None:
        """All try to hold one call; who gets it runs it to its end."""
        call_id = await self._propose(grants[0], next(self._raced_for))
        await asyncio.gather(*(self._run(grant, call_id) for grant in grants))

    async def leave_behind(self, first: Grant, second: Grant) -> None:
        """The first is gone after its effect; the second takes over, and the first comes back before it has ended."""
        call_id = await self._propose(first, next(self._left_behind))
        left, taken = None, None
        with suppress(Refused):
            left = await self._begin(first, call_id, lease=SHORT)
            taken = await self._begin_once_free(second, call_id)
        for grant, fence in ((first, left), (second, taken)):
            if fence is not None:
                await self._complete(grant, call_id, fence)

    async def recover(self, grant: Grant) -> None:
        """End whatever is open, or find that nobody knows."""
        await asyncio.gather(*(self._finish(grant, call_id) for call_id in self.calls))

    async def _finish(self, grant: Grant, call_id: str) -> None:
        with suppress(Refused):
            if (fence := await self._begin_once_free(grant, call_id)) is not None:
                await self._complete(grant, call_id, fence)

    async def _run(self, grant: Grant, call_id: str) -> None:
        with suppress(Refused):
            if (fence := await self._begin(grant, call_id, lease=LEASE)) is not None:
                await self._complete(grant, call_id, fence)

    async def _propose(self, grant: Grant, effect: str) -> str:
        task, proposal, approval = self._task_of(grant), self._mark(), self._mark()
        call = {"tool": "send", "title": "Send it", "arguments": {}, "effect": effect}
        proposed = await persist(lambda: task.propose(call, key=proposal))
        call_id = str(proposed["call_id"])
        self.calls.append(call_id)
        if proposed["state"] == "proposed":
            await persist(lambda: task.step(call_id, "approve", key=approval))
        return call_id

    async def _begin(self, grant: Grant, call_id: str, *, lease: int) -> str | None:
        """Claim the call, start it and take effect, if there is time; the fence, or None if it has ended."""
        task, claim, start, asked_at = self._task_of(grant), self._mark(), self._mark(), time.monotonic()
        call = await persist(lambda: task.step(call_id, "claim", key=claim, lease=lease))
        if call["state"] != "claimed":
            return None
        fence = str(call["fence"])
        await persist(lambda: task.step(call_id, "start", key=start, fence=fence, lease=lease))
        if time.monotonic() - asked_at < lease:  # else somebody may have taken it (specs/protocol.md section 8)
            sent = {"task": grant.task_id, "call": call_id, "fence": fence, "device": grant.device.key.jkt}
            self._recorder.told(self._recorder.begin(grant.task_id, "effect", **sent))
        return fence

    async def _begin_once_free(self, grant: Grant, call_id: str) -> str | None:
        for _ in range(100):
            try:
                return await self._begin(grant, call_id, lease=LEASE)
            except Refused as refused:
                if refused.error != "held":
                    raise
            await asyncio.sleep(SHORT / 5)
        return None

    async def _complete(self, grant: Grant, call_id: str, fence: str) -> None:
        task, key = self._task_of(grant), self._mark()
        with suppress(Refused):
            await persist(lambda: task.step(call_id, "complete", key=key, fence=fence, result=fence))
