"""One workflow, run by Temporal's SDK in its sandbox, without Temporal's server: this hands on what the server would.

The server does not come with the SDK, which downloads it. What is here is the order of things alone: the workflow's
commands become tasks of the workers by their queues, and what comes of them becomes the workflow's next activation.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution, Cancellation, Success
from temporalio.bridge.proto.activity_result import Failure as ActivityFailure
from temporalio.bridge.proto.workflow_activation import (
    InitializeWorkflow,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.common import Priority, RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.converter import DataConverter
from temporalio.exceptions import ActivityError, ApplicationError, RetryState
from temporalio.testing import ActivityEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

CONVERTER = DataConverter.default
RUN = "2f6c1f0e-run"
_NO_ATTRIBUTES: Sequence[SearchAttributePair[Any]] = ()


class Worker:
    """The activities of one device, behind its interceptor. `started` has the ids of what it was given."""

    def __init__(self, interceptor: Interceptor, *activities: Callable[..., Any]) -> None:
        self._interceptor = interceptor
        self._activities = {activity._Definition.must_from_callable(do).name: do for do in activities}
        self._executor = ThreadPoolExecutor(1)
        self.started: list[str] = []

    async def run(self, environment: ActivityEnvironment, arguments: Sequence[Payload]) -> Any:
        info = environment.info
        do = self._activities[info.activity_type]
        self.started.append(info.activity_id)
        hints = activity._Definition.must_from_callable(do).arg_types
        given = CONVERTER.payload_converter.from_payloads(list(arguments), hints)
        chain = self._interceptor.intercept_activity(_Innermost())
        return await environment.run(chain.execute_activity, ExecuteActivityInput(do, given, self._executor, {}))


class _Innermost(ActivityInboundInterceptor):
    def __init__(self) -> None:
        super().__init__(self)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        if asyncio.iscoroutinefunction(input.fn):
            return await input.fn(*input.args)
        return await asyncio.to_thread(input.fn, *input.args)


class History:
    """`result` once the workflow has ended; `kept` is everything that a server would have written down."""

    def __init__(self, workflow_type: type, argument: Any, *, workflow_id: str, workers: dict[str, Worker]) -> None:
        self.kept: list[str] = []
        self.workers = workers
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._told = asyncio.Event()
        self._environments: dict[int, ActivityEnvironment] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._workflow_id = workflow_id
        self._name = workflow_type.__name__
        self._thread = ThreadPoolExecutor(1)  # a workflow has a loop of its own
        self._instance = _instance(workflow_type, workflow_id)
        arguments = CONVERTER.payload_converter.to_payloads([argument])
        begin = InitializeWorkflow(workflow_type=self._name, workflow_id=workflow_id, arguments=arguments)
        self._activate(WorkflowActivationJob(initialize_workflow=begin))

    def signal(self, name: str, argument: Any) -> None:
        given = CONVERTER.payload_converter.to_payloads([argument])
        self._activate(
            WorkflowActivationJob(
                signal_workflow=SignalWorkflow(signal_name=name, input=given, originating_event_id=len(self.kept))
            )
        )

    async def heard(self, what: str) -> None:
        """Until the workflow was told of it."""
        while not any(what in kept for kept in self.kept):
            self._told.clear()
            await self._told.wait()

    def _activate(self, job: WorkflowActivationJob) -> None:
        now = Timestamp()
        now.FromDatetime(datetime.now(UTC))
        activation = WorkflowActivation(run_id=RUN, timestamp=now, jobs=[job])
        done = self._thread.submit(self._instance.activate, activation).result()
        self.kept += [MessageToJson(job), MessageToJson(done)]
        self._told.set()
        if done.HasField("failed"):
            self.result.set_exception(AssertionError(done.failed.failure.message))
        for command in done.successful.commands:
            match command.WhichOneof("variant"):
                case "schedule_activity":
                    task = asyncio.create_task(self._run(command.schedule_activity))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                case "request_cancel_activity":
                    seq = command.request_cancel_activity.seq
                    self._environments[seq].cancel()
                case "complete_workflow_execution":
                    found = CONVERTER.payload_converter.from_payload(command.complete_workflow_execution.result)
                    self.result.set_result(found)
                case "fail_workflow_execution":
                    failure = command.fail_workflow_execution.failure
                    self.result.set_exception(
                        CONVERTER.failure_converter.from_failure(failure, CONVERTER.payload_converter)
                    )
                case other:
                    raise AssertionError(other)

    async def _run(self, scheduled: Any) -> None:
        """As often as its retry policy wants."""
        policy = RetryPolicy.from_proto(scheduled.retry_policy)
        attempt = 0
        while True:
            attempt += 1
            environment = self._environments[scheduled.seq] = ActivityEnvironment()
            environment.info = self._info(scheduled, attempt)
            try:
                result = await self.workers[scheduled.task_queue].run(environment, scheduled.arguments)
            except asyncio.CancelledError:
                resolution = ActivityResolution(cancelled=Cancellation(failure=Failure(message="cancelled")))
            except Exception as failed:
                final = isinstance(failed, ApplicationError) and failed.non_retryable
                if not final and attempt != policy.maximum_attempts:
                    delay = failed.next_retry_delay if isinstance(failed, ApplicationError) else None
                    await asyncio.sleep((delay or policy.initial_interval).total_seconds())
                    continue
                resolution = ActivityResolution(failed=ActivityFailure(failure=_failure(failed, scheduled)))
            else:
                payload = CONVERTER.payload_converter.to_payload(result)
                resolution = ActivityResolution(completed=Success(result=payload))
            break
        if not self.result.done():
            resolved = ResolveActivity(seq=scheduled.seq, result=resolution)
            self._activate(WorkflowActivationJob(resolve_activity=resolved))

    def _info(self, scheduled: Any, attempt: int) -> activity.Info:
        return dataclasses.replace(
            ActivityEnvironment.default_info(),
            activity_id=scheduled.activity_id,
            activity_type=scheduled.activity_type,
            attempt=attempt,
            heartbeat_timeout=scheduled.heartbeat_timeout.ToTimedelta(),
            task_queue=scheduled.task_queue,
            task_token=f"{scheduled.seq}.{attempt}".encode(),
            workflow_id=self._workflow_id,
            workflow_run_id=RUN,
            workflow_type=self._name,
        )


def _failure(failed: Exception, scheduled: Any) -> Failure:
    """What the workflow hears: an activity error, whose cause is what was raised."""
    heard = ActivityError(
        "activity failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker",
        activity_type=scheduled.activity_type,
        activity_id=scheduled.activity_id,
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )
    heard.__cause__ = failed
    written = Failure()
    CONVERTER.failure_converter.to_failure(heard, CONVERTER.payload_converter, written)
    return written


def _instance(workflow_type: type, workflow_id: str) -> WorkflowInstance:
    """In the SDK's sandbox, which first makes sure that the workflow can be imported there."""
    definition = workflow._Definition.must_from_class(workflow_type)
    runner = SandboxedWorkflowRunner()
    runner.prepare_workflow(definition)
    at = datetime.now(UTC)
    info = workflow.Info(
        attempt=1,
        continued_run_id=None,
        cron_schedule=None,
        execution_timeout=None,
        first_execution_run_id=RUN,
        headers={},
        namespace="default",
        original_execution_run_id=RUN,
        parent=None,
        root=None,
        priority=Priority.default,
        raw_memo={},
        retry_policy=None,
        run_id=RUN,
        run_timeout=None,
        search_attributes={},
        start_time=at,
        workflow_start_time=at,
        task_queue="workflows",
        task_timeout=timedelta(seconds=10),
        typed_search_attributes=TypedSearchAttributes(_NO_ATTRIBUTES),
        workflow_id=workflow_id,
        workflow_type=workflow_type.__name__,
    )
    return runner.create_instance(
        WorkflowInstanceDetails(
            payload_converter_factory=CONVERTER._new_payload_converter,
            failure_converter_class=CONVERTER.failure_converter_class,
            interceptor_classes=[],
            defn=definition,
            info=info,
            randomness_seed=1,
            extern_functions={},
            disable_eager_activity_execution=True,
            worker_level_failure_exception_types=[],
            patch_activation_callback=None,
            last_completion_result=Payloads(),
            last_failure=None,
        )
    )
