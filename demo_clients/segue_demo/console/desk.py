"""A human agent's or a supervisor's view of one task, with the steps of a hand-over (specs/protocol.md section 8.2)."""

from collections.abc import Mapping
from typing import Any

from segue_client.grant import Grant
from segue_client.task_client import TaskClient

from segue_demo.conversation import Command, converse, show_resume, typed_lines
from segue_demo.event_line import plain


async def work(grant: Grant, *, store: str) -> None:
    """Until the person quits. Raises `Refused` once they do not take part any more."""
    task = TaskClient(grant, store=store)
    session = await task.join(name="Console", transport="terminal")
    view = await task.resume()
    role = _role(view, session["sub"])
    show_resume(view)
    desk = Desk(task)
    watching = role == "supervisor"
    commands = desk.watching if watching else desk.working
    print(f"You are the {role}. {desk.overview(view)}")
    print(
        f"{'Watch' if watching else 'Say something'}, or {', '.join(f'/{name}' for name in commands)}, /quit",
        flush=True,
    )
    await converse(
        task,
        session["session_id"],
        after=view["cursor"],
        typed=typed_lines(),
        say=desk.stay_silent if watching else desk.say,
        commands=commands,
    )
    await task.leave(session["session_id"])


def _role(view: Mapping[str, Any], sub: str) -> str:
    return next((str(each["role"]) for each in view["participants"] if each["sub"] == sub), "nobody")


class Desk:
    """What may be done here. The store is who decides: a command that the role does not have is refused there."""

    def __init__(self, task: TaskClient) -> None:
        self._task = task

    @property
    def working(self) -> dict[str, Command]:
        """A human agent's commands."""
        return {
            "people": self.people,
            "accept": self.accept,
            "decline": self.decline,
            "return": self.hand_back,
            "approve": self.approve,
            "deny": self.deny,
        }

    @property
    def watching(self) -> dict[str, Command]:
        """A supervisor's commands."""
        return {"people": self.people, "audit": self.audit}

    async def say(self, text: str) -> None:
        """To the customer, in the human agent's own name."""
        await self._task.append([{"kind": "message", "role": "human_agent", "body": {"text": text}}])

    async def stay_silent(self, _: str) -> None:
        print("A supervisor watches and says nothing.", flush=True)

    async def people(self, _: str) -> None:
        """Who takes part, who answers the customer, and what hand-over is open."""
        print(self.overview(await self._task.resume()), flush=True)

    async def accept(self, _: str) -> None:
        """The hand-over that is offered: from now on the human agent answers the customer."""
        await self._step("offered", "accept")

    async def decline(self, _: str) -> None:
        await self._step("offered", "decline")

    async def hand_back(self, _: str) -> None:
        """The hand-over that is in effect: the agent answers again."""
        await self._step("accepted", "return")

    async def approve(self, call_id: str) -> None:
        """A tool call that waits for a person's word."""
        await self._task.step(call_id, "approve")

    async def deny(self, words: str) -> None:
        call_id, _, reason = words.partition(" ")
        await self._task.step(call_id, "deny", reason=reason or "A person said no.")

    async def audit(self, _: str) -> None:
        """Who did what, and to whom state was given."""
        for entry in await self._task.audit():
            print(f"{entry['n']:6}  {entry['kind']} by {entry['role']} {entry['sub']}: {entry['about']}", flush=True)

    def overview(self, view: Mapping[str, Any]) -> str:
        people = ", ".join(str(each["role"]) for each in view["participants"])
        offers = [f"{each['mode']} hand-over {each['state']}: {plain(each['reason'])}" for each in view["handoffs"]]
        waiting = [
            f"{call['call_id']} waits for approval" for call in view["tool_calls"] if call["state"] == "proposed"
        ]
        return "; ".join([f"Here: {people}", f"the {view['lead']} answers", *offers, *waiting]) + "."

    async def _step(self, state: str, verb: str) -> None:
        found = [each for each in (await self._task.resume())["handoffs"] if each["state"] == state]
        if not found:
            print(f"No hand-over is {state}.", flush=True)
        for each in found:
            await self._task.hand_over_step(each["handoff_id"], verb)
