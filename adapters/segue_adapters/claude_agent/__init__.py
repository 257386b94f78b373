"""The Claude Agent SDK in a Segue task: sessions that go along with the task, and tool calls that run once."""

from segue_adapters.claude_agent.in_task import in_task
from segue_adapters.claude_agent.sessions import Moved, TaskSessions
from segue_adapters.running import running

__all__ = ["Moved", "TaskSessions", "in_task", "running"]
