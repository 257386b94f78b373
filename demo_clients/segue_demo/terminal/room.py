"""A task in the terminal: where it stands, what happens, what the person says, and passing it on."""

import asyncio
from collections.abc import Mapping
from typing import Any

from segue_client import push_transfer
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.push_transfer import Offer
from segue_client.task_client import TaskClient

from segue_demo.conversation import converse, show_resume, typed_lines
from segue_demo.event_line import plain
from segue_demo.qr_text import qr_lines

GLANCE = 1
"""Seconds between looks at an offer."""


async def enter(grant: Grant, *, store: str, agent: str, device_name: str) -> None:
    """Nothing is loaded before the person agrees. Raises `Refused` once there is no access any more."""
    owner = grant.details.get("owner", {}).get("name", "?")
    print(
        f"You were working on “{plain(grant.details.get('name'))}” (of {plain(owner)}). Pick it up here? [Y/n]",
        flush=True,
    )
    typed = typed_lines()
    if (await anext(typed, "n")).lower().startswith("n"):
        return
    task = TaskClient(grant, store=store)
    session = await task.join(name=device_name, transport="terminal")
    view = await task.resume()
    show_resume(view)
    room = Room(grant, task, agent=agent)
    print("Say something, or /offer [share], /person [cold] REASON, /invite ROLE, /quit", flush=True)
    commands = {"offer": room.offer, "person": room.ask_for_a_person, "invite": room.invite}
    try:
        await converse(task, session["session_id"], after=view["cursor"], typed=typed, say=room.say, commands=commands)
    finally:
        room.close()
        await task.leave(session["session_id"])


class Room:
    """What the person may do here."""

    def __init__(self, grant: Grant, task: TaskClient, *, agent: str) -> None:
        self._grant = grant
        self._task = task
        self._agent = agent
        self._watching: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._watching:
            self._watching.cancel()

    async def say(self, text: str) -> None:
        """To the agent, whose answer this device writes down; its tool calls are for a device that runs them."""
        said = await self._task.append([{"kind": "message", "role": "customer", "body": {"text": text}}])
        turn = await self._grant.call("POST", f"{self._agent}/turns", audience=self._agent, json={"text": text})
        body = {"text": turn["message"], "turn": f"reply-{said['first']}"}
        await self._task.append([{"kind": "message", "role": "agent", "body": body}])
        if turn.get("tool_call"):
            await self._task.propose(turn["tool_call"])

    async def ask_for_a_person(self, words: str) -> None:
        """A hand-over to a human agent; cold if the words begin so, else warm."""
        cold, _, reason = words.partition(" ") if words.startswith("cold ") else ("warm", "", words)
        await self._task.hand_over(to_role="human_agent", mode=cold, reason=reason or "The customer asks for a person.")

    async def invite(self, role: str) -> None:
        """Somebody else, as `human_agent`, `supervisor` or `agent`."""
        made = await self._task.invite(role)
        print(f"Give them this address, it is said only once: {made['invitation_uri']}", flush=True)

    async def offer(self, words: str) -> None:
        """Pass the task on to another device, which scans the code or has it typed."""
        offer = await push_transfer.start(self._grant, mode="share" if words == "share" else "move")
        print("\n".join(["Scan this with the other device:", "", *qr_lines(offer.transfer_uri), ""]))
        print(f"or type {offer.transfer_code} there, within {offer.expires_in} seconds", flush=True)
        self.close()
        self._watching = asyncio.create_task(self._watch(offer))

    async def _watch(self, offer: Offer) -> None:
        """Say who asks for it, and how it ends."""
        before: Any = None
        while (found := await self._state(offer))["state"] in ("offered", "claimed", "approved"):
            now = found["state"], found["contested"]
            if now != before and found["contested"]:
                print("Careful: a second device has used the same code.", flush=True)
            elif now != before and found["state"] == "claimed":
                print(f"“{plain(found['claim']['device_name'])}” wants it (from {found['claim']['network']}).")
                print(f"Only if that is yours: open {offer.confirmation_uri}, type the number it shows", flush=True)
            before = now
            await asyncio.sleep(GLANCE)
        print(f"The transfer is {found['state']}.", flush=True)

    async def _state(self, offer: Offer) -> Mapping[str, Any]:
        """Once the task has moved this device may not ask any more, and the log tells."""
        try:
            return await push_transfer.state(self._grant, offer)
        except Refused:
            return {"state": "over"}
