"""A model's answer that calls tools, kept before they run: whoever goes on works on with it and asks no second time.

The SDK saves a turn once its tools have ended. Asked again for a turn that broke off, a model would call its tools
under new ids, so that nobody could know the calls for the ones that run already.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from agents.items import ModelResponse
from agents.models.interface import Model, ModelProvider
from agents.retry import ModelRetryAdvice, ModelRetryAdviceRequest
from agents.usage import Usage
from openai.types.responses import Response, ResponseCompletedEvent, ResponseOutputItemDoneEvent, ResponseUsage
from pydantic import TypeAdapter

from segue_adapters.openai_agents.branch import Branch
from segue_adapters.openai_agents.history import History

SPEAKING: ContextVar[str | None] = ContextVar("speaking", default=None)
"""The agent whose turn it is."""
INSIDE_A_TOOL = ""
"""Stands for whoever speaks there: an agent that runs within a tool is no part of the conversation."""

_RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)


class Answers:
    """The answer that the current branch goes on from, if its turn has not ended."""

    def __init__(self, history: History, current: Callable[[], Awaitable[Branch]]) -> None:
        self._history = history
        self._current = current

    async def keep(self, agent: str, response: ModelResponse) -> None:
        """Raises `TaskMoved`."""
        key, after = await self._place()
        told = _RESPONSE.dump_python(response, mode="json", exclude_unset=True)
        await self._history.keep({key: {"after": after, "agent": agent, "response": told}})
        self._history.unfinished = key

    async def find(self) -> tuple[str, ModelResponse] | None:
        """Which agent's answer it is, and the answer."""
        key, after = await self._place()
        found = await self._history.state.get(key)
        if found is None or found.value["after"] != after:
            return None
        self._history.unfinished = key
        return found.value["agent"], _RESPONSE.validate_python(found.value["response"])

    async def _place(self) -> tuple[str, int]:
        """Where the turn's items will begin, and the event that kept the item before them."""
        branch = await self._current()
        tail = await self._history.last(branch, 1)
        position = tail[0].position + 1 if tail else branch.tip.start
        return self._history.keys.answer(branch.tip.segment, position), tail[0].seq if tail else 0


class KeptModel(Model):
    """The model of an agent; it is not asked for an answer that is there."""

    def __init__(self, model: Model, answers: Answers) -> None:
        self._model = model
        self._answers = answers

    async def get_response(self, *args: Any, **asked: Any) -> ModelResponse:
        if (known := await self._known()) is not None:
            return known
        response = await self._model.get_response(*args, **asked)
        await self._keep(response)
        return response

    async def stream_response(self, *args: Any, **asked: Any) -> AsyncIterator[Any]:
        if (known := await self._known()) is not None:
            yield ResponseCompletedEvent(response=_as_response(known), sequence_number=0, type="response.completed")
            return
        said: list[Any] = []
        async for event in self._model.stream_response(*args, **asked):
            if isinstance(event, ResponseOutputItemDoneEvent):
                said.append(event.item)
            elif isinstance(event, ResponseCompletedEvent):
                answer = event.response
                await self._keep(ModelResponse(answer.output or said, _usage(answer.usage), answer.id))
            yield event

    def get_retry_advice(self, request: ModelRetryAdviceRequest) -> ModelRetryAdvice | None:
        return self._model.get_retry_advice(request)

    async def close(self) -> None:
        await self._model.close()

    async def _known(self) -> ModelResponse | None:
        agent = SPEAKING.get()
        known = await self._answers.find() if agent else None
        return known[1] if known is not None and known[0] == agent else None

    async def _keep(self, response: ModelResponse) -> None:
        agent = SPEAKING.get()
        if agent and any(item.type == "function_call" for item in response.output):
            await self._answers.keep(agent, response)


class KeptProvider(ModelProvider):
    """Gives the models of a provider as `KeptModel`."""

    def __init__(self, provider: ModelProvider, answers: Answers) -> None:
        self._provider = provider
        self._answers = answers

    def get_model(self, model_name: str | None) -> Model:
        return KeptModel(self._provider.get_model(model_name), self._answers)

    async def aclose(self) -> None:
        await self._provider.aclose()


def _usage(usage: ResponseUsage | None) -> Usage:
    if usage is None:
        return Usage()
    return Usage(
        requests=1,
        input_tokens=usage.input_tokens,
        input_tokens_details=usage.input_tokens_details,
        output_tokens=usage.output_tokens,
        output_tokens_details=usage.output_tokens_details,
        total_tokens=usage.total_tokens,
    )


def _as_response(known: ModelResponse) -> Response:
    usage = known.usage
    return Response(
        id=known.response_id or "",
        created_at=0,
        model="",
        object="response",
        output=known.output,
        tool_choice="auto",
        tools=[],
        parallel_tool_calls=True,
        status="completed",
        usage=ResponseUsage(
            input_tokens=usage.input_tokens,
            input_tokens_details=usage.input_tokens_details,
            output_tokens=usage.output_tokens,
            output_tokens_details=usage.output_tokens_details,
            total_tokens=usage.total_tokens,
        ),
    )
