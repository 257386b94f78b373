"""Agents of Google ADK with a model that follows a script, and what their runs give."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from google.adk.agents.llm_agent import LlmAgent
from google.adk.apps.app import App, ResumabilityConfig
from google.adk.events.event import Event
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import Runner
from google.adk.sessions.base_session_service import BaseSessionService
from google.adk.workflow import BaseNode
from google.genai import types
from segue_adapters.google_adk import TaskSessionService, TaskToolsPlugin
from segue_client.grant import Grant
from segue_client.task_state import TaskState

APP, USER, SESSION = "contracts", "ada", "clause seven"
NAMES = {"app_name": APP, "user_id": USER, "session_id": SESSION}


class ScriptedModel(BaseLlm):
    """Says the next line of the script for each model answer that the conversation has had, on whatever device."""

    model: str = "scripted"
    script: list[list[types.Part]]

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        said = sum(content.role == "model" for content in llm_request.contents)
        parts = [part.model_copy(deep=True) for part in self.script[said]]
        yield LlmResponse(content=types.Content(role="model", parts=parts))


def says(text: str) -> list[types.Part]:
    return [types.Part(text=text)]


def calls(name: str, **arguments: Any) -> types.Part:
    return types.Part.from_function_call(name=name, args=arguments)


def message(text: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=text)])


def answer(call_id: str, name: str, response: dict[str, Any]) -> types.Content:
    """What a person's client sends for a call that waits for it."""
    responded = types.FunctionResponse(id=call_id, name=name, response=response)
    return types.Content(role="user", parts=[types.Part(function_response=responded)])


def agent(script: list[list[types.Part]], *tools: Any, **others: Any) -> LlmAgent:
    others = {"name": "lawyer", **others}
    return LlmAgent(model=ScriptedModel(script=script), tools=list(tools), **others)


def runner(root: BaseNode, sessions: BaseSessionService, *plugins: BasePlugin, resumable: bool = True) -> Runner:
    app = App(
        name=APP, root_agent=root, plugins=list(plugins), resumability_config=ResumabilityConfig(is_resumable=resumable)
    )
    return Runner(app=app, session_service=sessions, auto_create_session=True)


def at_device(
    grant: Grant,
    store: str,
    make: Callable[[], BaseNode],
    *,
    effects: dict[str, str] | None = None,
    resumable: bool = True,
) -> Runner:
    """The agent as it runs on one device: its state and its tool calls in the grant's task."""
    tools = TaskToolsPlugin(grant, store=store, effects=effects)
    return runner(make(), TaskSessionService(TaskState(grant, store=store)), tools, resumable=resumable)


async def drained(run: AsyncGenerator[Event, None]) -> list[Event]:
    return [event async for event in run]


def responses(events: list[Event]) -> list[dict[str, Any]]:
    """What the tools gave, in the order of the history."""
    return [response.response or {} for event in events for response in event.get_function_responses()]


def texts(events: list[Event]) -> list[str]:
    parts = [part for event in events if event.content for part in event.content.parts or []]
    return [part.text for part in parts if part.text]
