"""LangGraph's checkpointer over a task: the published conformance tests, and what graphs do with it."""

from collections.abc import AsyncGenerator

import pytest
from journey import Journey
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from segue_adapters.langgraph import TaskSaver
from segue_client.grant import Grant
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]


def saver_of(journey: Journey, grant: Grant) -> TaskSaver:
    return TaskSaver(TaskState(grant, store=journey.site.store))


async def test_the_published_conformance_tests_pass_in_full(journey: Journey) -> None:
    grant = await journey.begin()

    @checkpointer_test(name="TaskSaver")
    async def saver() -> AsyncGenerator[BaseCheckpointSaver[int], None]:
        yield saver_of(journey, grant)

    report = await validate(saver)
    assert {name: result.failures for name, result in report.results.items() if not result.passed} == {}
    assert sum(result.tests_passed for result in report.results.values()) > 70
