"""Google ADK in a Segue task: sessions that go along with the task, and tool calls that run once."""

from segue_adapters.google_adk.sessions import TaskSessionService
from segue_adapters.google_adk.tool_calls import TaskToolsPlugin
from segue_adapters.running import running

__all__ = ["TaskSessionService", "TaskToolsPlugin", "running"]
