"""Where agents keep what was said, by other people's libraries, as their documents show it: `python serve.py adk`.

For each line in, one out, or {"error"}. null: {"ready"}, which says what it is.
{"begin": name, "database": URL, "said": [turn, ...]} puts these turns in a conversation of that name: {}.
{"go_on": name, "said": [turn, ...], "patience": seconds} adds turns one by one, as long as patience lasts: the
microseconds that each took until it was kept. A turn is [what a person says, what the agent answers].
"""

import asyncio
import json
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Annotated, Any, TypedDict

Turn = tuple[str, str]
GoOn = Callable[[Turn], Awaitable[None]]
CHUNK = 100
"""Turns put in at once."""


async def openai(name: str, database: str, said: list[Turn]) -> GoOn:
    """OpenAI Agents: `SQLiteSession`, and `SQLAlchemySession` for PostgreSQL; `add_items` once a turn."""
    from agents import SQLiteSession
    from agents.extensions.memory import SQLAlchemySession

    def items(turn: Turn) -> list[Any]:
        return [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]

    if database.startswith("sqlite"):
        session: Any = SQLiteSession(name, database.removeprefix("sqlite:///"))
    else:
        session = SQLAlchemySession.from_url(name, url=_asynchronous(database), create_tables=True)
    for number in range(0, len(said), CHUNK):
        await session.add_items([item for turn in said[number : number + CHUNK] for item in items(turn)])

    async def go_on(turn: Turn) -> None:
        await session.add_items(items(turn))

    return go_on


async def adk(name: str, database: str, said: list[Turn]) -> GoOn:
    """Google ADK: `DatabaseSessionService`; `append_event` for what the person says and for what the agent answers."""
    from google.adk.events import Event
    from google.adk.sessions import DatabaseSessionService
    from google.genai import types

    service = DatabaseSessionService(_asynchronous(database))
    session = await service.create_session(app_name="bench", user_id="someone", session_id=name)

    def events(turn: Turn) -> list[Any]:
        roles = (("user", "user", turn[0]), ("agent", "model", turn[1]))
        return [
            Event(
                invocation_id=Event.new_id(),
                author=author,
                content=types.Content(role=role, parts=[types.Part(text=text)]),
            )
            for author, role, text in roles
        ]

    table = service._get_schema_classes().StorageEvent  # one by one it takes minutes
    async with service.database_session_factory() as transaction:
        for turn in said:
            for event in events(turn):
                event.id = Event.new_id()
                transaction.add(table.from_event(session, event))
        await transaction.commit()
    reopened = await service.get_session(app_name="bench", user_id="someone", session_id=name)
    assert reopened is not None

    async def go_on(turn: Turn) -> None:
        for event in events(turn):
            await service.append_event(reopened, event)

    return go_on


async def langgraph(name: str, database: str, said: list[Turn], *, delta: bool = False) -> GoOn:
    """LangGraph: `invoke` of a graph with messages and one node that answers, with the checkpointer of the database."""
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.channels.delta import DeltaChannel
    from langgraph.graph import START, StateGraph
    from langgraph.graph.message import add_messages

    def extended(messages: list[Any], writes: Any) -> list[Any]:
        return [*messages, *(message for write in writes for message in write)]

    class Whole(TypedDict):
        messages: Annotated[list[Any], add_messages]

    class Delta(TypedDict):
        messages: Annotated[list[Any], DeltaChannel(extended)]

    answers: list[str] = []

    def agent(_: Any) -> dict[str, Any]:
        return {"messages": [AIMessage(answers.pop())]}

    graph: Any = StateGraph(Delta if delta else Whole)
    graph.add_node("agent", agent)
    graph.add_edge(START, "agent")
    compiled = graph.compile(checkpointer=_saver(database))
    config = {"configurable": {"thread_id": name}}
    chunk = CHUNK if delta else len(said) or 1  # each makes a checkpoint, which without the delta channel is whole
    for number in range(0, len(said), chunk):
        messages = [
            kind(text)
            for turn in said[number : number + chunk]
            for kind, text in zip((HumanMessage, AIMessage), turn, strict=True)
        ]
        compiled.update_state(config, {"messages": messages}, as_node="agent")

    async def go_on(turn: Turn) -> None:
        answers.append(turn[1])
        compiled.invoke({"messages": [HumanMessage(turn[0])]}, config)

    return go_on


async def langgraph_delta(name: str, database: str, said: list[Turn]) -> GoOn:
    """The same with `DeltaChannel`, which is beta."""
    return await langgraph(name, database, said, delta=True)


PEERS = {
    "openai": (openai, "openai-agents"),
    "adk": (adk, "google-adk"),
    "langgraph": (langgraph, "langgraph"),
    "langgraph-delta": (langgraph_delta, "langgraph"),
}


def _saver(database: str) -> Any:
    if database.startswith("sqlite"):
        import sqlite3

        from langgraph.checkpoint.sqlite import SqliteSaver

        path = database.removeprefix("sqlite:///")
        return SqliteSaver(sqlite3.connect(path, check_same_thread=False))
    import psycopg
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg.rows import dict_row

    saver = PostgresSaver(psycopg.connect(database, autocommit=True, prepare_threshold=0, row_factory=dict_row))
    saver.setup()
    return saver


def _asynchronous(database: str) -> str:
    """The URL with the driver that SQLAlchemy's asyncio needs."""
    return database.replace("sqlite://", "sqlite+aiosqlite://").replace("postgresql://", "postgresql+asyncpg://")


async def _timed(go_on: GoOn, said: list[Turn], patience: float) -> list[float]:
    times: list[float] = []
    until = time.monotonic() + patience
    for turn in said:
        began = time.perf_counter_ns()
        await go_on(turn)
        times.append((time.perf_counter_ns() - began) / 1000)
        if time.monotonic() > until:
            break
    return times


async def main(name: str) -> None:
    """Answer every line."""
    begin, package = PEERS[name]
    conversations: dict[str, GoOn] = {}
    for line in sys.stdin:
        answer: object = {}
        try:
            match json.loads(line):
                case {"begin": name, "database": database, "said": said}:
                    conversations[name] = await begin(name, database, said)
                case {"go_on": name, "said": said, "patience": patience}:
                    answer = await _timed(conversations[name], said, patience)
                case _:
                    answer = {"ready": f"{package} {version(package)}"}
        except Exception as refused:  # whatever a library raises
            answer = {"error": f"{type(refused).__name__}: {refused}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(main(sys.argv[1]))
