"""A session that tells its older part in fewer items, by whatever the application summarizes with.

The SDK calls `run_compaction` after each turn. What OpenAI's own endpoint compacts is
`OpenAIResponsesCompactionSession(session_id, underlying_session=TaskSession(…))`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from agents.items import TResponseInputItem
from agents.memory.session import OpenAIResponsesCompactionArgs

from segue_adapters.openai_agents.advanced_session import AdvancedTaskSession

Summarize = Callable[[list[TResponseInputItem]], Awaitable[list[TResponseInputItem]]]


class CompactingTaskSession(AdvancedTaskSession):
    """From `most` items on, `summarize` is given all but the last turns, and what it gives stands in their place.

    What was said before stays in the task's history, and other branches keep it.
    """

    def __init__(self, *session: Any, summarize: Summarize, most: int = 100, turns_kept: int = 2, **how: Any) -> None:
        super().__init__(*session, **how)
        self._summarize = summarize
        self._most = most
        self._turns_kept = turns_kept

    async def run_compaction(self, args: OpenAIResponsesCompactionArgs | None = None) -> None:
        """Compact if there are enough items, or `force`d. Whatever was added meanwhile stays: then it is done later."""
        branch = await self.current()
        forced = bool(args and args.get("force"))
        tail = await self.history.last(branch, 1)
        if not tail or (tail[0].position + 1 < self._most and not forced):
            return
        placed = await self.history.whole(branch)
        older = [one.item for one in placed if one.turn <= tail[0].turn - self._turns_kept]
        if older:
            told = await self._summarize(older)
            await self.replace_last(placed, told + [one.item for one in placed[len(older) :]], branch=branch)
