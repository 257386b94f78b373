"""Pydantic AI in a Segue task: conversations that go along with the task, and tool calls that run once."""

from segue_adapters.pydantic_ai.as_it_goes import KeptAsItGoes
from segue_adapters.pydantic_ai.conversations import TaskConversations
from segue_adapters.pydantic_ai.run_once import RunOnce, decided
from segue_adapters.running import running

__all__ = ["KeptAsItGoes", "RunOnce", "TaskConversations", "decided", "running"]
