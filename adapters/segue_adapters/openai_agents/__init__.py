"""Agents of the OpenAI Agents SDK whose conversation, tool calls and pauses are kept in a task."""

from segue_adapters.openai_agents.advanced_session import AdvancedTaskSession
from segue_adapters.openai_agents.compacting_session import CompactingTaskSession
from segue_adapters.openai_agents.refusal import TaskMoved
from segue_adapters.openai_agents.runner import TaskRunner
from segue_adapters.openai_agents.session import TaskSession
from segue_adapters.running import running

__all__ = ["AdvancedTaskSession", "CompactingTaskSession", "TaskMoved", "TaskRunner", "TaskSession", "running"]
