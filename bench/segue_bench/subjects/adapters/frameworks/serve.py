"""Agents whose framework keeps what was said, in its own store or in a Segue task: `python serve.py NAME FOLDER...`.

The folders have Segue's packages. For each line in, one out, or {"error"}. null: {"ready"}, which says what it is.
{"begin": name, "own": URL or null, "task": grant or null, "said": [turn, ...]} puts these turns in a conversation: {}.
{"go_on": name, "said": [turn, ...], "patience": seconds} adds turns one by one, as long as patience lasts: the
microseconds that each took until it was kept. A turn is [what a person says, what the agent answers].
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
import uuid
import warnings
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypedDict

Turn = tuple[str, str]
GoOn = Callable[[Turn], Awaitable[None]]
CHUNK = 100
"""Turns put in at once."""


class Kept:
    """Where a conversation is kept: a SQLite file of the framework's own, or a task."""

    def __init__(self, name: str, *, own: str | None, task: dict[str, Any] | None) -> None:
        self.name = name
        self.own = own
        self._task = task

    @property
    def state(self) -> Any:
        """The task's, by the device library, as a device has it."""
        import httpx2
        from segue.device_key import DeviceKey
        from segue_client.device import Device
        from segue_client.grant import Grant
        from segue_client.task_state import TaskState

        task = self._task
        assert task is not None
        key = DeviceKey.from_pem(task["key"].encode())
        device = Device(issuer=task["issuer"], client_id=task["client_id"], http=httpx2.AsyncClient(), key=key)
        grant = Grant(device, refresh_token=task["refresh_token"], details=task["details"])
        return TaskState(grant, store=task["store"])


async def langgraph(kept: Kept, said: list[Turn]) -> GoOn:
    """A graph with messages and one node that answers: `ainvoke`."""
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.graph import START, StateGraph
    from langgraph.graph.message import add_messages

    class Messages(TypedDict):
        messages: Annotated[list[Any], add_messages]

    answers: list[str] = []

    def agent(_: Any) -> dict[str, Any]:
        return {"messages": [AIMessage(answers.pop(), id=str(uuid.uuid4()))]}

    graph: Any = StateGraph(Messages)
    graph.add_node("agent", agent)
    graph.add_edge(START, "agent")
    compiled = graph.compile(checkpointer=await _saver(kept))
    config = {"configurable": {"thread_id": kept.name}}
    pairs = [pair for turn in said for pair in zip((HumanMessage, AIMessage), turn, strict=True)]
    messages = [kind(text, id=str(uuid.uuid4())) for kind, text in pairs]
    await compiled.aupdate_state(config, {"messages": messages}, as_node="agent")

    async def go_on(turn: Turn) -> None:
        answers.append(turn[1])
        await compiled.ainvoke({"messages": [HumanMessage(turn[0], id=str(uuid.uuid4()))]}, config)

    return go_on


async def openai(kept: Kept, said: list[Turn]) -> GoOn:
    """`Session.add_items`, once a turn."""
    if kept.own is None:
        from segue_adapters.openai_agents import TaskSession

        session: Any = TaskSession(kept.name, kept.state)
    else:
        from agents import SQLiteSession

        session = SQLiteSession(kept.name, kept.own)

    def items(turn: Turn) -> list[Any]:
        return [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]

    for number in range(0, len(said), CHUNK):
        await session.add_items([item for turn in said[number : number + CHUNK] for item in items(turn)])

    async def go_on(turn: Turn) -> None:
        await session.add_items(items(turn))

    return go_on


async def adk(kept: Kept, said: list[Turn]) -> GoOn:
    """`append_event` for what the person says and for what the agent answers."""
    from google.adk.events import Event
    from google.genai import types

    if kept.own is None:
        from segue_adapters.google_adk import TaskSessionService

        service: Any = TaskSessionService(kept.state)
    else:
        from google.adk.sessions import DatabaseSessionService

        service = DatabaseSessionService(f"sqlite+aiosqlite:///{kept.own}")
    names = {"app_name": "bench", "user_id": "someone", "session_id": kept.name}
    session = await service.create_session(**names)

    def events(turn: Turn) -> list[Any]:
        roles = (("user", "user", turn[0]), ("agent", "model", turn[1]))
        contents = ((author, types.Content(role=role, parts=[types.Part(text=text)])) for author, role, text in roles)
        return [Event(invocation_id=Event.new_id(), author=author, content=content) for author, content in contents]

    async def go_on(turn: Turn) -> None:
        for event in events(turn):
            await service.append_event(session, event)

    if kept.own is None:
        for turn in said:
            await go_on(turn)
        return go_on
    table = service._get_schema_classes().StorageEvent  # one by one it takes minutes
    async with service.database_session_factory() as transaction:
        for event in (event for turn in said for event in events(turn)):
            event.id = Event.new_id()
            transaction.add(table.from_event(session, event))
        await transaction.commit()
    session = await service.get_session(**names)
    return go_on


async def pydantic(kept: Kept, said: list[Turn]) -> GoOn:
    """`ConversationStore.save` after a run; of its own it has none that outlives it: all messages as JSON in a row."""
    from pydantic_ai.conversation import Conversation
    from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelRequest, ModelResponse, TextPart

    conversation = Conversation(conversation_id=kept.name)

    def say(turn: Turn) -> None:
        conversation.messages.extend([ModelRequest.user_text_prompt(turn[0]), ModelResponse(parts=[TextPart(turn[1])])])

    if kept.own is None:
        from segue_adapters.pydantic_ai import TaskConversations

        store: Any = TaskConversations(kept.state)

        async def save() -> None:
            await store.save(conversation)
    else:
        database = sqlite3.connect(kept.own, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE IF NOT EXISTS conversations (name TEXT PRIMARY KEY, messages BLOB)")

        async def save() -> None:
            row = (kept.name, ModelMessagesTypeAdapter.dump_json(list(conversation.messages)))
            database.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?)", row)

    for number in range(0, len(said), CHUNK):
        for turn in said[number : number + CHUNK]:
            say(turn)
        if kept.own is None:
            await save()
    await save()

    async def go_on(turn: Turn) -> None:
        say(turn)
        await save()

    return go_on


async def claude(kept: Kept, said: list[Turn]) -> GoOn:
    """`SessionStore.append` with the two lines of a turn; its own transcripts are files of the program."""
    from segue_adapters.claude_agent import TaskSessions

    store = TaskSessions(kept.state)
    key: Any = {"project_key": "bench", "session_id": str(uuid.uuid4())}

    def lines(turn: Turn) -> list[Any]:
        roles = zip(("user", "assistant"), turn, strict=True)
        return [
            {"type": role, "uuid": str(uuid.uuid4()), "message": {"role": role, "content": text}}
            for role, text in roles
        ]

    for number in range(0, len(said), CHUNK):
        await store.append(key, [line for turn in said[number : number + CHUNK] for line in lines(turn)])

    async def go_on(turn: Turn) -> None:
        await store.append(key, lines(turn))

    return go_on


async def crewai(kept: Kept, said: list[Turn]) -> GoOn:
    """`FlowPersistence.save_state` after a method, of a state in which all is that was said."""
    quiet = ("CREWAI_DISABLE_TELEMETRY", "CREWAI_DISABLE_VERSION_CHECK", "OTEL_SDK_DISABLED")
    os.environ.update(dict.fromkeys(quiet, "true"))  # noqa: TID251  it reads them when it is imported
    flow_id = str(uuid.uuid4())
    state: dict[str, Any] = {"id": flow_id, "said": [list(turn) for turn in said]}
    if kept.own is None:
        from segue_adapters.blocking import Blocking
        from segue_adapters.crewai import TaskPersistence

        persistence: Any = TaskPersistence(kept.state, Blocking())
    else:
        from crewai.flow.persistence.sqlite import SQLiteFlowPersistence

        persistence = SQLiteFlowPersistence(kept.own)
    await asyncio.to_thread(persistence.save_state, flow_id, "answer", state)

    async def go_on(turn: Turn) -> None:
        state["said"].append(list(turn))
        await asyncio.to_thread(persistence.save_state, flow_id, "answer", state)

    return go_on


FRAMEWORKS = {
    "langgraph": (langgraph, "langgraph"),
    "openai": (openai, "openai-agents"),
    "adk": (adk, "google-adk"),
    "pydantic": (pydantic, "pydantic-ai-slim"),
    "claude": (claude, "claude-agent-sdk"),
    "crewai": (crewai, "crewai"),
}


async def _saver(kept: Kept) -> Any:
    if kept.own is None:
        from segue_adapters.langgraph import TaskSaver

        return TaskSaver(kept.state)
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    return AsyncSqliteSaver(await aiosqlite.connect(kept.own))


async def serve(name: str) -> None:
    """Answer until standard input ends."""
    begin, distribution = FRAMEWORKS[name]
    conversations: dict[str, GoOn] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        try:
            answer = await _answered(asked, begin, distribution, conversations)
        except Exception as failure:  # told to whoever asks
            answer = {"error": f"{type(failure).__name__}: {failure}"[:500]}
        print(json.dumps(answer), flush=True)


async def _answered(asked: Any, begin: Any, distribution: str, conversations: dict[str, GoOn]) -> Any:
    if asked is None:
        return {"ready": f"{distribution} {version(distribution)}"}
    said = [(person, agent) for person, agent in asked["said"]]
    if "begin" in asked:
        kept = Kept(asked["begin"], own=asked["own"], task=asked["task"])
        conversations[asked["begin"]] = await begin(kept, said)
        return {}
    return await _timed(conversations[asked["go_on"]], said, asked["patience"])


async def _timed(go_on: GoOn, said: list[Turn], patience: float) -> list[float]:
    taken: list[float] = []
    while len(taken) < len(said) and sum(taken) < patience * 1_000_000:
        began = time.perf_counter_ns()
        await go_on(said[len(taken)])
        taken.append((time.perf_counter_ns() - began) / 1000)
    return taken


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.path += [str(Path(folder)) for folder in sys.argv[2:]]
    asyncio.run(serve(sys.argv[1]))
