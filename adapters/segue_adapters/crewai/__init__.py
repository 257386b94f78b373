"""CrewAI: flow persistence in a Segue task, and tools that run once on however many devices."""

from segue_adapters.crewai.persistence import TaskPersistence
from segue_adapters.crewai.step import NoStep, step
from segue_adapters.crewai.tools import TaskTools
from segue_adapters.running import running

__all__ = ["NoStep", "TaskPersistence", "TaskTools", "running", "step"]
