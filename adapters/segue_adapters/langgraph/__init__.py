"""LangGraph: a checkpointer and a store in a Segue task, and tools that run once on however many devices."""

from segue_adapters.langgraph.moved import TaskMoved, ThreadMoved
from segue_adapters.langgraph.saver import TaskSaver
from segue_adapters.langgraph.store import TaskStore
from segue_adapters.langgraph.tools import TaskTools

__all__ = ["TaskMoved", "TaskSaver", "TaskStore", "TaskTools", "ThreadMoved"]
