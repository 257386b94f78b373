"""A tool that runs once, however often and on however many devices its agent asks for it (specs/protocol.md section 8).

An agent framework resumes by calling again what had not answered. `ToolRuns.run` gives such a call to one holder under
a lease and a fence: asked again it answers with what the first run gave, waits for a holder that is at it, goes on
under the same `downstream_key` after one that is lost, and refuses to guess where that could do harm twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2

from segue_client.device import Refused
from segue_client.task_client import Body, TaskClient

LEASE = 30
"""Seconds."""
LOOK = 0.5
"""Seconds between two looks at a call that somebody else holds."""


@dataclass(frozen=True)
class Run:
    """One execution. Give `downstream_key` to the system that has the effect: it is the same in every attempt."""

    call_id: str
    arguments: Mapping[str, Any]
    downstream_key: str
    attempt: int


Do = Callable[[Run], Awaitable[Any]]
"""Executes; its result is JSON. What it raises is kept as the call's error."""


class AwaitsApproval(Exception):
    """A person has to approve the call before it runs. `call` is the call as the store has it."""

    def __init__(self, call: Body) -> None:
        super().__init__(f"{call['title']}: a person has to approve it")
        self.call = call


class InDoubt(Exception):
    """The call may have taken effect, and nobody knows: `waits_for` says who has to find out."""

    def __init__(self, call: Body) -> None:
        super().__init__(f"{call['title']}: nobody knows whether it took effect")
        self.call = call
        self.waits_for: str | None = call["waits_for"]


class Denied(Exception):
    """A person does not want the call, or it was cancelled. `call` is the call as the store has it."""

    def __init__(self, call: Body) -> None:
        super().__init__(f"{call['title']}: it was not allowed")
        self.call = call


class Failed(Exception):
    """The tool failed, now or on the device that ran it. `error` is what was kept of it."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.get("message", "the tool failed") if isinstance(error, Mapping) else str(error))
        self.error = error


class Lost(Exception):
    """Another device goes on with the task or the call: whatever this one still says of it counts no more."""


class ToolRuns:
    """The tool calls of one agent in one task."""

    def __init__(self, task: TaskClient, *, session_id: str | None = None, lease: int = LEASE) -> None:
        self._task = task
        self._session = {} if session_id is None else {"session_id": session_id}
        self._lease = lease

    async def run(
        self,
        reference: str,
        do: Do,
        *,
        tool: str,
        arguments: Mapping[str, Any],
        effect: str = "idempotent",
        title: str | None = None,
    ) -> Any:
        """The result of the call that the agent knows as `reference` (its framework's id of the call, say).

        `effect` is `pure` or `idempotent` for what may be repeated under its `downstream_key`, else `reconcilable` or
        `irreversible`, which a person approves first.

        Raises `Failed`, `AwaitsApproval`, `Denied`, `InDoubt`, `Lost` and `Refused`.
        """
        try:
            call = await self.propose(reference, tool=tool, arguments=arguments, effect=effect, title=title)
            while True:
                if (ended := _ended(call)) is not None:
                    return ended.result
                if (held := await self._claim(call)) is not None:
                    return await self._execute(held, do)
                await asyncio.sleep(LOOK)
                call = await self._task.tool_call(call["call_id"])
        except Refused as refused:
            if refused.error in ("stale-epoch", "fenced"):
                raise Lost from refused
            raise

    async def propose(
        self, reference: str, *, tool: str, arguments: Mapping[str, Any], effect: str, title: str | None = None
    ) -> Body:
        """The call that the agent knows as `reference`, as the store has it; it does not run. Raises `Refused`."""
        proposed = {"tool": tool, "title": title or tool, "arguments": dict(arguments), "effect": effect}
        return await self._task.propose({**proposed, "reference": reference})

    async def _claim(self, call: Body) -> Body | None:
        """The call as its holder sees it; None while somebody else is at it, or once it has ended."""
        if call["state"] == "proposed":
            raise AwaitsApproval(call)
        if call["state"] == "unknown":
            raise InDoubt(call)
        try:
            claimed = await self._task.step(call["call_id"], "claim", lease=self._lease, **self._session)
        except Refused as refused:
            if refused.error in ("held", "outcome-unknown", "not-approved"):
                return None  # looked at anew
            raise
        return claimed if claimed["state"] == "claimed" else None

    async def _execute(self, call: Body, do: Do) -> Any:
        call_id, fence = call["call_id"], call["fence"]
        started = await self._task.step(call_id, "start", fence=fence, lease=self._lease)
        run = Run(call_id, started["arguments"], call["downstream_key"], call["attempt"])
        working = asyncio.ensure_future(do(run))
        beating = asyncio.create_task(self._beat(call_id, fence))
        try:
            await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():  # the heart stops only where another device goes on
                raise Lost from beating.exception()
            result = await working
        except (Lost, asyncio.CancelledError):
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await working
            raise
        except Exception as failure:
            error = {"type": type(failure).__name__, "message": str(failure)[:2000]}
            await self._task.step(call_id, "fail", fence=fence, error=error)
            raise Failed(error) from failure
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        await self._task.step(call_id, "complete", fence=fence, result=result)
        return result

    async def _beat(self, call_id: str, fence: str) -> None:
        """Renew the lease until it is somebody else's. A request that did not get through is tried again."""
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(httpx2.TransportError):
                try:
                    await self._task.step(call_id, "heartbeat", fence=fence, lease=self._lease)
                except Refused as refused:
                    if refused.status < 500:
                        raise


@dataclass(frozen=True)
class _Ended:
    result: Any


def _ended(call: Body) -> _Ended | None:
    """What a call that has ended answers. Raises `Failed` and `Denied`."""
    match call["state"]:
        case "succeeded":
            return _Ended(call["result"])
        case "failed":
            raise Failed(call["error"])
        case "cancelled":
            raise Denied(call)
        case _:
            return None
