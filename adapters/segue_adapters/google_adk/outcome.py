"""What a tool call of ADK leaves, as JSON: its result, media and all, and what it asked of the conversation.

A tool acts by its context too: it changes the state, saves artifacts, hands over to another agent. Whoever gets the
result of a call that ran elsewhere gets this with it.
"""

from collections.abc import Mapping
from typing import Any

from google.adk.events.event_actions import EventActions
from google.adk.sessions.state import State
from google.adk.tools.tool_context import ToolContext
from google.genai.types import FunctionResponse, Part

_PART, _RESPONSE = "$part", "$function_response"


def told(value: Any) -> Any:
    """A result as JSON; what JSON does not know becomes what it would be in ADK's history."""
    match value:
        case Part():
            return {_PART: value.model_dump(mode="json", exclude_none=True)}
        case FunctionResponse():
            return {_RESPONSE: value.model_dump(mode="json", exclude_none=True)}
        case dict():
            return {str(name): told(member) for name, member in value.items()}
        case list() | tuple():
            return [told(member) for member in value]
        case None | str() | int() | float():
            return value
        case _:
            return EventActions(state_delta={"value": value}).model_dump(mode="json")["state_delta"]["value"]


def meant(value: Any) -> Any:
    """The result that was told."""
    match value:
        case {"$part": part, **others} if not others:
            return Part.model_validate(part)
        case {"$function_response": response, **others} if not others:
            return FunctionResponse.model_validate(response)
        case dict():
            return {name: meant(member) for name, member in value.items()}
        case list():
            return [meant(member) for member in value]
        case _:
            return value


def actions_told(context: ToolContext) -> dict[str, Any]:
    """What the call has asked for so far, but for `temp:` state, which nobody keeps."""
    actions = context.actions.model_dump(mode="json", exclude_none=True)
    delta = actions["state_delta"].items()
    actions["state_delta"] = {name: value for name, value in delta if not name.startswith(State.TEMP_PREFIX)}
    return actions


def added(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What the tool itself has asked for: callbacks do so again wherever the call is answered."""
    found: dict[str, Any] = {}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            value = {key: member for key, member in value.items() if key not in old or old[key] != member}
        if value != old and value != {}:
            found[name] = value
    return found


def act(context: ToolContext, asked: Mapping[str, Any]) -> None:
    """Ask for the same in this context."""
    parsed = EventActions.model_validate(asked)
    for name in asked:
        value = getattr(parsed, name)
        if name == "state_delta":
            context.state.update(value)
        elif isinstance(value, dict):
            getattr(context.actions, name).update(value)
        else:
            setattr(context.actions, name, value)


def asks_somebody(context: ToolContext) -> bool:
    """Whether the tool wants to be run again once a person has confirmed, or given a credential."""
    asked = context.actions
    return context.function_call_id in {*asked.requested_tool_confirmations, *asked.requested_auth_configs}
