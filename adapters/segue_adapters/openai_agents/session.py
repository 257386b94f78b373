"""A `Session` of the OpenAI Agents SDK that is kept in a task: any device that has the task goes on with it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agents.items import TResponseInputItem
from agents.memory.session import SessionABC, _CompactionSnapshot
from agents.memory.session_settings import SessionSettings, coerce_session_settings, resolve_session_limit
from segue.clock import Clock, now
from segue_client.device import Refused
from segue_client.task_state import TaskState

from segue_adapters.openai_agents.answer import Answers
from segue_adapters.openai_agents.branch import MAIN, Branch, Keys, first_main
from segue_adapters.openai_agents.history import History, new_segment
from segue_adapters.openai_agents.refusal import CHANGED
from segue_adapters.openai_agents.seen import Seen
from segue_adapters.openai_agents.turn import Placed


class TaskSession(SessionABC):
    """The conversation `session_id` of a task; it stays on the branch that was last switched to, on every device.

    Methods raise `TaskMoved` where they write and the task has gone on elsewhere, and otherwise `Refused`.
    """

    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        state: TaskState,
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
        clock: Clock = now,
    ) -> None:
        self.session_id = session_id
        self.session_settings = coerce_session_settings(session_settings or SessionSettings())
        self.history = History(state, Keys.of(session_id), clock=clock)
        self.answers = Answers(self.history, self.current)
        self.seen = Seen(first_main(), [])
        self._current: str | None = None

    async def get_items(self, limit: int | None = None, branch_id: str | None = None) -> list[TResponseInputItem]:
        """The last `limit` items, or as many as the settings say; of the current branch unless one is named."""
        most = resolve_session_limit(limit, self.session_settings)
        branch = await (self.current() if branch_id is None else self.history.branch(branch_id))
        if branch is None or (most is not None and most <= 0):
            return []
        placed = await (self.history.whole(branch) if most is None else self.history.last(branch, most))
        self.seen = Seen(branch, placed if most is None else placed[::-1])
        return [one.item for one in self.seen.placed]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        if items:
            await self.history.add(await self.current_name(), items)

    async def pop_item(self) -> TResponseInputItem | None:
        return await self.history.pop(await self.current_name())

    async def clear_session(self) -> None:
        """Forget all that was said, on all branches. Their names stay taken."""
        history, segment = self.history, new_segment()

        async def attempt() -> None:
            entries: dict[str, Any] = {} if await self.current_name() == MAIN else {history.keys.current: _at(MAIN)}
            found = {one.name: one for one in await history.branches()}
            main = found.pop(MAIN)
            entries |= {history.keys.branch(one.name): replace(one, gone=True).value for one in found.values()}
            entries[history.keys.branch(MAIN)] = main.cut(0, segment=segment).value
            await history.keep(entries, expect={history.keys.branch(MAIN): main.seq})

        await history.retried(attempt)
        self._current, history.unfinished = MAIN, None
        for prefix in history.keys.contents():
            await history.forget(prefix, but=f"/{segment}/")

    async def go_to(self, branch_id: str) -> None:
        """Be on another branch, on every device."""
        await self.history.keep({self.history.keys.current: _at(branch_id)})
        self._current, self.history.unfinished = branch_id, None

    async def current_name(self) -> str:
        """The branch that the session is on."""
        if self._current is None:
            found = await self.history.state.get(self.history.keys.current)
            self._current = MAIN if found is None else str(found.value["branch"])
        return self._current

    async def current(self) -> Branch:
        branch = await self.history.present(await self.current_name())
        self._current = branch.name
        return branch

    async def placed(self, branch_id: str | None = None) -> list[Placed]:
        """All items of a branch with where they stand."""
        branch = await (self.current() if branch_id is None else self.history.branch(branch_id))
        return [] if branch is None else await self.history.whole(branch)

    async def replace_last(self, placed: list[Placed], items: list[TResponseInputItem], *, branch: Branch) -> bool:
        """Put items in the place of the branch's last ones, in their order; False, and no change, if it went on."""
        try:
            await self.history.go_on_with(branch, placed[0].position, items, placed[::-1])
        except Refused as refused:
            if refused.status != CHANGED:
                raise
            return False
        await self.history.drop([one.key for one in placed if one.position >= branch.own_from])
        return True

    async def _get_compaction_snapshot(
        self,
        limit: int,
        *,
        prune_prefix: Callable[[TResponseInputItem], bool] | None = None,  # noqa: ARG002
    ) -> _CompactionSnapshot:
        """What `OpenAIResponsesCompactionSession` asks a store for that replaces the end of a history in one step.

        Nothing before that end is pruned: `prune_prefix` concerns what an `EncryptedSession` lets expire.
        """
        branch = await self.current()
        last = (await self.history.last(branch, limit + 1))[::-1]
        placed = last[-limit:]

        async def replace_suffix(start: int, output: list[TResponseInputItem]) -> bool:
            return bool(placed[start:]) and await self.replace_last(placed[start:], output, branch=branch)

        return _CompactionSnapshot([one.item for one in placed], len(last) <= limit, replace_suffix)


def _at(branch_id: str) -> dict[str, Any]:
    return {"branch": branch_id}
