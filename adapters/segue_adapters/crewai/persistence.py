"""CrewAI's flow persistence in a Segue task: a flow goes on by its id on whichever device holds the task."""

from collections.abc import Mapping
from typing import Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.persistence import FlowPersistence
from pydantic_core import to_jsonable_python
from segue_client.task_state import TaskState

from segue_adapters.blocking import Blocking
from segue_adapters.crewai.flow_states import FlowStates


class TaskPersistence(FlowPersistence):  # type: ignore[misc]  # CrewAI cannot be where mypy runs: it is Any there
    """Give it to `@persist`. Whatever uses the grant's HTTP client runs in the loop of `blocking`."""

    persistence_type: str = "segue"
    _flows: FlowStates
    _blocking: Blocking

    def __init__(self, state: TaskState, blocking: Blocking) -> None:
        super().__init__()
        self._flows = FlowStates(state)
        self._blocking = blocking

    def init_db(self) -> None:
        """A task needs no tables."""

    def save_state(self, flow_uuid: str, method_name: str, state_data: Any) -> None:
        self._blocking.run(self._flows.save(flow_uuid, method_name, _json(state_data)))

    def load_state(self, flow_uuid: str) -> dict[str, Any] | None:
        state = self._blocking.run(self._flows.load(flow_uuid)).state
        return None if state is None else _json(state)

    def save_pending_feedback(self, flow_uuid: str, context: PendingFeedbackContext, state_data: Any) -> None:
        save = self._flows.save(flow_uuid, context.method_name, _json(state_data), pending=_json(context.to_dict()))
        self._blocking.run(save)

    def load_pending_feedback(self, flow_uuid: str) -> tuple[dict[str, Any], PendingFeedbackContext] | None:
        found = self._blocking.run(self._flows.pending(flow_uuid))
        return None if found is None else (_json(found[0]), PendingFeedbackContext.from_dict(dict(found[1])))

    def clear_pending_feedback(self, flow_uuid: str) -> None:
        self._blocking.run(self._flows.clear_pending(flow_uuid))

    def completed(self, flow_uuid: str, method_name: str) -> int:
        """How often the method has been kept as completed."""
        return self._blocking.run(self._flows.completed(flow_uuid, method_name))


def _json(value: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in plain JSON types, as the framework's own store makes one: what is unknown becomes its text."""
    plain: dict[str, Any] = to_jsonable_python(value, fallback=str)
    return plain
