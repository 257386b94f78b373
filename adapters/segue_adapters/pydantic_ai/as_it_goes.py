"""Messages of a run that are kept while it goes: a device that dies in the middle leaves all but the last step."""

import asyncio
import dataclasses
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationEntry, ConversationRecord
from pydantic_ai.messages import ModelMessage, ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.run import AgentRunResult
from pydantic_ai.tools import DeferredToolRequests, RunContext, ToolDefinition
from pydantic_ai.usage import RunUsage

from segue_adapters.pydantic_ai.conversations import TaskConversations


@dataclass
class KeptAsItGoes(AbstractCapability[Any]):
    """For one run that continues `conversation`. A tool starts once the message that calls it is kept."""

    store: TaskConversations
    conversation: Conversation
    scope: str | None = None
    _record: ConversationRecord | None = field(default=None, init=False)
    _kept: int = field(default=0, init=False)
    _keeping: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        await self._keep(ctx.messages, run_id=ctx.run_id, usage=ctx.usage)
        return request_context

    async def before_tool_execute(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,  # noqa: ARG002
        tool_def: ToolDefinition,  # noqa: ARG002
        args: dict[str, Any],
    ) -> dict[str, Any]:
        await self._keep(ctx.messages, run_id=ctx.run_id, usage=ctx.usage)
        return args

    async def after_run(
        self,
        ctx: RunContext[Any],  # noqa: ARG002
        *,
        result: AgentRunResult[Any],
    ) -> AgentRunResult[Any]:
        waits = result.output if isinstance(result.output, DeferredToolRequests) else None
        record = await self._keep(result.all_messages(), run_id=result.run_id, usage=result.usage, waits=waits)
        result._conversation_saved(record.revision)  # as `save`, which this replaces, does
        return result

    async def _keep(
        self,
        messages: list[ModelMessage],
        *,
        run_id: str | None,
        usage: RunUsage,
        waits: DeferredToolRequests | None = None,
    ) -> ConversationRecord:
        """Write what the run has added since the last time. Raises `ConversationConflict` if somebody else wrote."""
        async with self._keeping:
            record = self._record or await self._begun()
            new = [message for message in messages if message.run_id == run_id][self._kept :]
            if not new and record == self._record and waits == record.deferred_tool_requests:
                return record
            entries: list[ConversationEntry] = []
            for message in new:
                entries.append(
                    ConversationEntry(parent_id=entries[-1].id if entries else record.head_id, message=message)
                )
            fresh = ConversationRecord(conversation_id=record.conversation_id, head_id=None)
            following = dataclasses.replace(
                record,
                head_id=entries[-1].id if entries else record.head_id,
                usage=dataclasses.replace(usage),
                deferred_tool_requests=waits,
                revision=fresh.revision,
                updated_at=fresh.updated_at,
            )
            before = self._record.revision if self._record else self.conversation.revision
            await self.store.write_record(following, new_entries=entries, expected_revision=before)
            self._record = following
            self._kept += len(new)
            return following

    async def _begun(self) -> ConversationRecord:
        """What the run continues. If it is newer than `conversation`, the first write is refused."""
        found = await self.store.read_record(self.conversation.conversation_id)
        return found or ConversationRecord(
            conversation_id=self.conversation.conversation_id, head_id=None, scope=self.scope
        )
