"""A device with a CrewAI flow, in a process of its own: lines of JSON in, lines of JSON out.

`ReviewFlow` is somebody's flow, as CrewAI's documentation has them; nothing in it knows of Segue.
"""

import json
import sys
import threading
import traceback
from typing import Any

import httpx2
from crewai import Agent, BaseLLM, Crew, Task
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow import Flow, listen, start
from crewai.flow.human_feedback import human_feedback
from crewai.flow.persistence import persist
from crewai.tools import BaseTool
from pydantic import BaseModel
from segue.device_key import DeviceKey
from segue_adapters.blocking import Blocking
from segue_adapters.crewai import TaskPersistence, TaskTools, running, step
from segue_client import push_transfer
from segue_client.device import Device
from segue_client.grant import Grant
from segue_client.task_client import TaskClient
from segue_client.task_state import TaskState
from segue_client.tool_runs import ToolRuns

OUT, sys.stdout = sys.stdout, sys.stderr
WAITING: dict[str, tuple[threading.Event, list[Any]]] = {}
PLANS: list[str] = []
"""How often this process has done the first step of the flow."""


class ComparePrecedents(BaseTool):
    name: str = "compare_precedents"
    description: str = "Compares a clause with our precedents"

    def _run(self, clause: str) -> str:
        return downstream(clause)


class Scripted(BaseLLM):
    """Calls the tool, and then says what it said. `native` decides in which of CrewAI's two ways."""

    native: bool = True
    clause: str = "7.2"

    def call(self, messages: Any, tools: Any = None, **_: Any) -> Any:
        heard = [message["content"] for message in messages if _of_tool(message)]
        if heard and self.native:
            return heard[-1]
        if heard:
            return f"Thought: I know.\nFinal Answer: {heard[-1].rpartition('Observation:')[2].strip()}"
        if self.native:
            call = {"name": "compare_precedents", "arguments": json.dumps({"clause": self.clause})}
            return [{"id": "call_1", "type": "function", "function": call}]
        return f'Thought: ask\nAction: compare_precedents\nAction Input: {{"clause": "{self.clause}"}}'

    def supports_function_calling(self) -> bool:
        return self.native

    def supports_stop_words(self) -> bool:
        return False

    def get_context_window_size(self) -> int:
        return 100_000


def _of_tool(message: Any) -> bool:
    content = message.get("content")
    return message["role"] == "tool" or (message["role"] == "assistant" and "\nObservation:" in str(content))


class Review(BaseModel):
    id: str = ""
    plan: str = ""
    rounds: int = 0
    native: bool = True
    findings: list[str] = []
    answer: str = ""


@persist()
class ReviewFlow(Flow[Review]):
    @start()
    def make_plan(self) -> None:
        PLANS.append("made")
        self.state.plan = "compare, then answer"

    @listen(make_plan)
    def compare(self) -> None:
        agent = Agent(
            role="Lawyer",
            goal="Know the risk",
            backstory="Careful",
            llm=Scripted(model="scripted", native=self.state.native),
            tools=[ComparePrecedents()],
        )
        task = Task(description="Compare clause 7.2", expected_output="A finding", agent=agent)
        self.state.findings.append(Crew(agents=[agent], tasks=[task]).kickoff().raw)

    @listen(compare)
    def conclude(self) -> str:
        self.state.rounds += 1
        self.state.answer = f"Our lawyer says: {self.state.findings[-1]}"
        return self.state.answer


class Later:
    """Asks a person who answers another day, perhaps on another device."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Any) -> str:
        raise HumanFeedbackPending(context=context)


@persist()
class ApprovalFlow(Flow[Review]):
    @start()
    @human_feedback(message="May it be sent?", provider=Later())
    def draft(self) -> str:
        self.state.plan = "a draft"
        return "the draft"

    @listen(draft)
    def send(self, said: Any) -> str:
        self.state.answer = f"sent, for they said: {said.feedback}"
        return self.state.answer


class UnkeptFlow(Flow[Review]):
    @start()
    def compare(self) -> str:
        return str(ONLY[0].tool(ComparePrecedents()).run(clause="7.2"))


ONLY: list[TaskTools] = []


def downstream(clause: str) -> str:
    """Have the test's system do it: it is asked under the call's key, and answers when it has finished."""
    run = running()
    assert run is not None
    key = run.downstream_key
    event, answers = WAITING.setdefault(key, (threading.Event(), []))
    tell({"execute": key, "clause": clause})
    event.wait()
    if "failure" in answers[0]:
        raise RuntimeError(answers[0]["failure"])
    return str(answers[0]["result"])


class Agency:
    """What one grant gives: persistence and tools, in a loop of their own."""

    def __init__(self, told: Any) -> None:
        self.blocking = Blocking()
        self.store = told["store"]
        self.grant = grant = self.blocking.run(_grant(told))
        self.flows = TaskPersistence(TaskState(grant, store=told["store"]), self.blocking)
        runs = ToolRuns(TaskClient(grant, store=told["store"]), lease=told["lease"])
        self.tools = TaskTools(runs, self.flows, self.blocking, effects=told.get("effects"))


async def _grant(told: Any) -> Grant:
    key = DeviceKey.from_pem(told["key"].encode())
    http = httpx2.AsyncClient(timeout=20, trust_env=False)
    device = Device(issuer=told["issuer"], client_id=told["client_id"], http=http, key=key)
    return Grant(device, refresh_token=told["refresh_token"], details=told["details"])


AGENCIES: dict[str, Agency] = {}


def kickoff(agency: Agency, flow_id: str, inputs: Any = None, **how: Any) -> Any:
    with agency.tools.every_crew():
        flow = ReviewFlow(persistence=agency.flows)
        result = flow.kickoff(inputs={"id": flow_id, **(inputs or {})}, **how)
    return {"result": result, "state": flow.state.model_dump(), "plans": len(PLANS)}


def fork(agency: Agency, flow_id: str) -> Any:
    with agency.tools.every_crew():
        flow = ReviewFlow(persistence=agency.flows)
        flow.kickoff(restore_from_state_id=flow_id)
    return flow.state.model_dump()


def ask(agency: Agency, flow_id: str) -> Any:
    pending = ApprovalFlow(persistence=agency.flows).kickoff(inputs={"id": flow_id})
    return type(pending).__name__


def answer(agency: Agency, flow_id: str, said: str) -> Any:
    return ApprovalFlow.from_pending(flow_id, agency.flows).resume(said)


def unkept(agency: Agency) -> Any:
    ONLY[:] = [agency.tools]
    return UnkeptFlow(persistence=agency.flows).kickoff()


def tool(agency: Agency, name: str | None, times: int = 1) -> Any:
    kept = agency.tools.tool(ComparePrecedents())
    if name is None:
        return kept.run(clause="7.2")
    with step(name):
        return [kept.run("7.2") for _ in range(times)]


def save(agency: Agency, flow_id: str, states: list[Any]) -> Any:
    for state in states:
        agency.flows.save_state(flow_id, state.pop("method", "turn"), state)


def load(agency: Agency, flow_id: str) -> Any:
    return agency.flows.load_state(flow_id)


def twin(agency: Agency, name: str) -> Any:
    """A second device with the same task, as far as the store can tell: it knows nothing that the first has read."""
    AGENCIES[name] = Agency.__new__(Agency)
    AGENCIES[name].__dict__ |= agency.__dict__
    AGENCIES[name].flows = TaskPersistence(TaskState(agency.grant, store=agency.store), agency.blocking)
    return name


def offer(agency: Agency) -> Any:
    offered = agency.blocking.run(push_transfer.start(agency.grant, mode="move"))
    return [offered.transfer_uri, offered.confirmation_uri]


def request(agency: Agency, method: str, path: str, **how: Any) -> Any:
    url = f"{agency.store}/tasks/{agency.grant.task_id}{path}"
    return agency.blocking.run(agency.grant.call(method, url, audience=agency.store, **how))


DOES = {do.__name__: do for do in (kickoff, fork, ask, answer, unkept, tool, save, load, twin, offer, request)}


def tell(what: Any) -> None:
    OUT.write(json.dumps(what) + "\n")
    OUT.flush()


def serve(order: Any) -> None:
    try:
        tell({"n": order["n"], "answer": DOES[order["do"]](AGENCIES[order["grant"]], **order["with"])})
    except BaseException as failure:
        traceback.print_exc()
        causes = []
        while failure is not None:
            causes.append(f"{type(failure).__name__}: {failure}")
            failure = failure.__cause__ or failure.__context__
        tell({"n": order["n"], "error": causes})


def main() -> None:
    tell({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        if "executed" in order:
            event, answers = WAITING[order["executed"]]
            answers.append(order)
            event.set()
        elif "connect" in order:
            AGENCIES[order["connect"]] = Agency(order)
        else:
            threading.Thread(target=serve, args=(order,), daemon=True).start()


main()
