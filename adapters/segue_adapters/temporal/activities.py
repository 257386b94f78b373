"""For workers: every activity is a tool call of the task, under the grant of the device that the worker is on.

The grant lives in the worker's memory. Workflow and activity keep their code: this is an interceptor.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.tool_runs import AwaitsApproval, Denied, Failed, InDoubt, Lost, Run, ToolRuns
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from segue_adapters.running import executing
from segue_adapters.temporal.moving import LOST, Holder

ASK_AGAIN = timedelta(seconds=5)
"""After which Temporal looks anew whether a person has decided about a call."""


def holder(grant: Grant) -> Holder:
    """What a workflow may know of a grant. `holder(grant).queue` is the task queue of its device's worker."""
    return Holder(grant.task_id, grant.epoch)


async def continue_here(handle: WorkflowHandle[Any, Any], grant: Grant, *, signal: str = "continue_on") -> None:
    """Tell the workflow that this device holds the task now; its worker runs already, or soon."""
    await handle.signal(signal, holder(grant))


class TaskActivities(Interceptor):
    """An interceptor of the worker at `holder(grant).queue`. `effects`: of activities that are not idempotent."""

    def __init__(
        self, runs: ToolRuns, *, effects: Mapping[str, str] | None = None, ask_again: timedelta = ASK_AGAIN
    ) -> None:
        self._runs = runs
        self._effects = effects or {}
        self._ask_again = ask_again

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Once(next, self._runs, effects=self._effects, ask_again=self._ask_again)


class _Once(ActivityInboundInterceptor):
    def __init__(
        self,
        inner: ActivityInboundInterceptor,
        runs: ToolRuns,
        *,
        effects: Mapping[str, str],
        ask_again: timedelta,
    ) -> None:
        super().__init__(inner)
        self._runs = runs
        self._effects = effects
        self._ask_again = ask_again

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        beating = asyncio.create_task(_beat())
        try:
            return await self._run(input)
        except (AwaitsApproval, InDoubt) as waits:
            raise ApplicationError(
                str(waits), type=f"segue.{type(waits).__name__}", next_retry_delay=self._ask_again
            ) from waits
        except Denied as denied:
            raise ApplicationError(str(denied), type="segue.Denied", non_retryable=True) from denied
        except Lost as lost:
            raise ApplicationError("another device has the task", type=LOST, non_retryable=True) from lost
        except Refused as refused:
            gone = refused.status in (401, 403, 404) or refused.error == "invalid_grant"
            raise ApplicationError(
                str(refused), type=LOST if gone else "segue.Refused", non_retryable=gone
            ) from refused
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _run(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info, failures = activity.info(), 0
        while True:
            ours = False

            async def do(run: Run) -> Any:
                nonlocal ours
                ours = True
                with executing(run):
                    return _json(await self.next.execute_activity(input))

            try:
                return await self._runs.run(
                    _reference(info, failures),
                    do,
                    tool=info.activity_type,
                    arguments={"args": [_json(argument) for argument in input.args]},
                    effect=self._effects.get(info.activity_type, "idempotent"),
                )
            except Failed as failed:
                cause = failed.__cause__
            if ours and cause is not None:
                raise cause  # Temporal's retry policy decides
            failures += 1  # an earlier attempt, which Temporal repeats


async def _beat() -> None:
    """A worker hears of a cancellation only when it tells that it is alive."""
    timeout = activity.info().heartbeat_timeout
    while timeout is not None:
        await asyncio.sleep(timeout.total_seconds() / 3)
        with suppress(RuntimeError):  # the activity has ended meanwhile
            activity.heartbeat()


def _reference(info: activity.Info, failures: int) -> str:
    """One call of one run of a workflow, whichever device it is tried on, and anew after each failure."""
    call = info.activity_id.partition("@")[0]
    what = json.dumps([info.namespace, info.workflow_id, info.workflow_run_id, call, failures])
    return f"temporal-{hashlib.sha256(what.encode()).hexdigest()[:40]}"


def _json(value: Any) -> Any:
    """As it goes over Temporal's wire. `TypeError` for what is not JSON there."""
    payload = activity.payload_converter().to_payload(value)
    if payload.metadata.get("encoding") == b"binary/null":
        return None
    if not payload.metadata.get("encoding", b"").startswith(b"json/"):
        raise TypeError(f"{type(value).__name__} is not JSON: keep it as a file of the task and pass its path")
    return json.loads(payload.data)
