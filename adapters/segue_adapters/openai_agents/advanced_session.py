"""A session with branches, turns and usage: what the SDK's `AdvancedSQLiteSession` can do, kept in a task."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agents.result import RunResultBase
from segue_client.device import Refused

from segue_adapters.openai_agents.branch import MAIN
from segue_adapters.openai_agents.history import new_segment
from segue_adapters.openai_agents.refusal import CHANGED
from segue_adapters.openai_agents.session import TaskSession
from segue_adapters.openai_agents.turn import Placed, preview, says, tool_of, tool_usage

COUNTED = ("requests", "input_tokens", "output_tokens", "total_tokens")
SHOWN = 100
"""Characters of a message in a list of turns."""


class AdvancedTaskSession(TaskSession):
    """Branches are named by their `branch_id`; None stands for the one that the session is on."""

    async def create_branch_from_turn(self, turn_number: int, branch_name: str | None = None) -> str:
        """A new branch with what was said before that turn; the session is on it from then on.

        Raises `ValueError` if no such turn begins with a message of the user, or the name was used before.
        """
        if branch_name is not None and not branch_name.strip():
            raise ValueError("a branch has a name")

        async def attempt() -> str:
            source = await self.current()
            first = await self._beginning(turn_number)
            taken = {one.name for one in await self.history.branches()}
            name = branch_name or _unused(f"branch_from_turn_{turn_number}_{self.history.clock()}", taken)
            if name in taken:
                raise ValueError(f"the branch {name!r} has been used already")
            made = source.fork(first.position, name=name, segment=new_segment(), created_at=self.history.clock())
            keys, shared = self.history.keys, source.shared_until(first.position)
            expect = {keys.branch(name): 0, keys.branch(source.name): source.seq, first.key: first.seq}
            entries = {keys.branch(name): made.value, keys.branch(source.name): shared.value}
            await self.history.keep(entries, expect=expect)
            return name

        name = await self.history.retried(attempt)
        await self.go_to(name)
        return name

    async def create_branch_from_content(self, search_term: str, branch_name: str | None = None) -> str:
        """As `create_branch_from_turn`, from the first turn whose message has these words. Raises `ValueError`."""
        turns = await self.find_turns_by_content(search_term)
        if not turns:
            raise ValueError(f"no turn of the user has {search_term!r}")
        return await self.create_branch_from_turn(turns[0]["turn"], branch_name)

    async def switch_to_branch(self, branch_id: str) -> None:
        """Raises `ValueError` if there is no such branch."""
        if await self.history.branch(branch_id) is None:
            raise ValueError(f"there is no branch {branch_id!r}")
        await self.go_to(branch_id)

    async def delete_branch(self, branch_id: str, force: bool = False) -> None:  # noqa: FBT001, FBT002 - the SDK's signature
        """Forget what only this branch has; its name stays taken. `force` deletes the current one, and goes to main.

        Raises `ValueError` if there is no such branch, it is main, or it is the current one.
        """
        branch = await self.history.branch(branch_id)
        if branch is None or branch_id == MAIN:
            raise ValueError(f"there is no branch {branch_id!r} that could be deleted")
        if branch_id == await self.current_name():
            if not force:
                raise ValueError(f"the session is on the branch {branch_id!r}")
            await self.go_to(MAIN)
        keys = self.history.keys
        await self.history.keep(
            {keys.branch(branch_id): replace(branch, gone=True).value}, expect={keys.branch(branch_id): branch.seq}
        )
        await self.history.forget(keys.usage(branch_id))
        await self.history.drop(
            [one.key for one in await self.history.whole(branch) if one.position >= branch.own_from]
        )

    async def list_branches(self) -> list[dict[str, Any]]:
        """`branch_id`, `message_count`, `user_turns`, `is_current` and `created_at` of each, the oldest first."""
        current, told = (await self.current()).name, []
        for branch in sorted(await self.history.branches(), key=lambda one: one.created_at):
            if branch.gone:
                continue
            tail = await self.history.last(branch, 1)
            told.append(
                {
                    "branch_id": branch.name,
                    "message_count": tail[0].position + 1 if tail else 0,
                    "user_turns": tail[0].turn if tail else 0,
                    "is_current": branch.name == current,
                    "created_at": _moment(branch.created_at),
                }
            )
        return told

    async def get_conversation_turns(self, branch_id: str | None = None) -> list[dict[str, Any]]:
        """`turn`, `content` (shortened), `full_content`, `timestamp` and `can_branch` of each turn of the user."""
        return [_turn(one, most=SHOWN) for one in await self._of_user(branch_id)]

    async def find_turns_by_content(self, search_term: str, branch_id: str | None = None) -> list[dict[str, Any]]:
        """As `get_conversation_turns`, those whose message has these words; `content` is whole."""
        return [_turn(one, most=None) for one in await self._of_user(branch_id) if says(one.item, search_term)]

    async def get_conversation_by_turns(self, branch_id: str | None = None) -> dict[int, list[dict[str, str | None]]]:
        """For each turn the `type` and the `tool_name` of its items."""
        turns: dict[int, list[dict[str, str | None]]] = {}
        for one in await self.placed(branch_id):
            turns.setdefault(one.turn, []).append({"type": one.kind, "tool_name": tool_of(one.item)})
        return turns

    async def get_tool_usage(self, branch_id: str | None = None) -> list[tuple[str, int, int]]:
        """Which tool was called how often in which turn."""
        return tool_usage(await self.placed(branch_id))

    async def store_run_usage(self, result: RunResultBase) -> None:
        """Keep what a run used, as that of the turn it ended with; if that turn is taken back meanwhile, nothing."""
        branch, usage = await self.current(), result.context_wrapper.usage
        tail = await self.history.last(branch, 1)
        if not tail:
            return
        counts: dict[str, Any] = {name: getattr(usage, name) for name in COUNTED}
        details = {
            "input_tokens_details": usage.input_tokens_details,
            "output_tokens_details": usage.output_tokens_details,
        }
        counts |= {name: each.model_dump(mode="json") for name, each in details.items()}
        turn, key = tail[0].turn, self.history.keys.usage(branch.name, tail[0].turn)
        while tail and tail[0].turn >= turn:
            try:
                await self.history.keep({key: counts}, expect={tail[0].key: tail[0].seq})
            except Refused as refused:
                if refused.status != CHANGED:
                    raise
                tail = await self.history.last(branch, 1)
            else:
                return

    async def get_turn_usage(
        self, user_turn_number: int | None = None, branch_id: str | None = None
    ) -> list[dict[str, Any]] | dict[str, Any]:
        """What one turn used ({} if that is not known), or each."""
        name = branch_id or (await self.current()).name
        if user_turn_number is not None:
            found = await self.history.state.get(self.history.keys.usage(name, user_turn_number))
            return {} if found is None else dict(found.value)
        scan = self.history.state.scan(self.history.keys.usage(name))
        return [{"user_turn_number": int(one.key.rpartition("/")[2]), **one.value} async for one in scan]

    async def get_session_usage(self, branch_id: str | None = None) -> dict[str, int] | None:
        """What a branch used, or all of them together."""
        keys = self.history.keys
        found = [
            one.value async for one in self.history.state.scan(keys.usage(branch_id) if branch_id else keys.usages)
        ]
        if not found:
            return None
        return {name: sum(one[name] for one in found) for name in COUNTED} | {"total_turns": len(found)}

    async def _of_user(self, branch_id: str | None) -> list[Placed]:
        return [one for one in await self.placed(branch_id) if one.kind == "user"]

    async def _beginning(self, turn: int) -> Placed:
        async for one in self.history.newest(await self.current()):
            if one.turn == turn and one.kind == "user":
                return one
            if one.turn < turn:
                break
        raise ValueError(f"no turn {turn} begins with a message of the user")


def _turn(one: Placed, *, most: int | None) -> dict[str, Any]:
    content = one.item.get("content") or ""
    shown = preview(content, most=most)
    told = {"turn": one.turn, "content": shown, "full_content": content}
    return {**told, "timestamp": _moment(one.at), "can_branch": True}


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _unused(name: str, taken: set[str]) -> str:
    return next(one for one in (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3))) if one not in taken)
