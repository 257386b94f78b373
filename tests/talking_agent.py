"""An agent with a grant of its own, that says what the test says, at the moment that it says so."""

import anyio
from segue_client.grant import Grant
from segue_client.task_client import TaskClient


class Agent:
    def __init__(self, grant: Grant, *, store: str) -> None:
        self.task = TaskClient(grant, store=store)
        self._grant = grant
        self._store = store

    async def begin(self) -> "Answer":
        return Answer(self, (await self.write("POST", "/drafts", role="agent"))["draft_id"])

    async def say(self, text: str, **more: object) -> None:
        await self.task.append([{"kind": "message", "role": "agent", "body": {"text": text, **more}}])

    async def asked(self) -> list[str]:
        """What customers said."""
        said = [event for event in await self.task.events() if event["kind"] == "message"]
        return [event["body"]["text"] for event in said if event["role"] == "customer"]

    async def hear(self, text: str) -> None:
        """Wait until a customer has said this."""
        with anyio.fail_after(30):
            while text not in await self.asked():  # noqa: ASYNC110 - told by a browser
                await anyio.sleep(0.1)

    async def catch_up(self) -> None:
        """After the customer has moved the task: the grant goes on, with a new token."""
        await self._grant.refresh(self._store)

    async def write(self, method: str, path: str, **members: object) -> dict[str, str]:
        url = f"{self._store}/tasks/{self._grant.task_id}{path}"
        return dict(await self._grant.call(method, url, audience=self._store, json=members))


class Answer:
    """One that is being written."""

    def __init__(self, agent: Agent, draft_id: str) -> None:
        self._agent = agent
        self._draft_id = draft_id
        self.text = ""

    async def grow(self, piece: str) -> None:
        await self._agent.write("PATCH", f"/drafts/{self._draft_id}", offset=len(self.text), text=piece)
        self.text += piece

    async def finish(self, text: str | None = None, **more: object) -> None:
        await self._agent.say(self.text if text is None else text, draft_id=self._draft_id, **more)
