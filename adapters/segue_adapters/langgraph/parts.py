"""The parts of one thread's values, as this process knows them."""

from collections.abc import Iterable, Mapping
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from segue_client.task_state import TaskState

from segue_adapters.langgraph import key
from segue_adapters.langgraph.form import Draft, Form, digest, parts_in, value_of


class Parts:
    """A part never changes, so what was read once is read no more; it is shared while a checkpoint leads to it."""

    def __init__(self, state: TaskState, thread: str) -> None:
        self._state = state
        self._prefix = key.of_thread(key.PARTS, thread)
        self._read = dict[str, Form]()
        self._known = dict[bytes, str]()

    def draft(self, serde: SerializerProtocol) -> Draft:
        return Draft(serde, self._known)

    def entries(self, new: Mapping[str, Form]) -> dict[str, Any]:
        """As they are to be kept."""
        return {self._prefix + part: form for part, form in new.items()}

    def kept(self, draft: Draft) -> None:
        """From now on the parts that were new are shared."""
        self._read.update(draft.new)
        self._known.update(draft.learned)

    async def load(self, forms: Iterable[Form], *, anew: bool = False) -> set[str]:
        """Read what these forms lead to, a level at a time, and say what that is.

        `anew` forgets what else was known: another device may have set the task back since.
        """
        if anew:
            self._known.clear()
        reached, level = set[str](), set(parts_in(forms))
        while level:
            missing = [part for part in level if part not in self._read]
            found = await self._state.read([self._prefix + part for part in missing]) if missing else {}
            read = {name.removeprefix(self._prefix): entry.value for name, entry in found.items()}
            self._read.update(read)
            for part in level if anew else read:
                self._known[digest(self._form(part))] = part
            reached |= level
            level = set(parts_in(self._form(part) for part in level)) - reached
        return reached

    def value(self, form: Form, serde: SerializerProtocol) -> Any:
        """What was loaded before."""
        return value_of(form, self._read, serde)

    def _form(self, part: str) -> Form:
        if (form := self._read.get(part)) is None:
            raise LookupError("a part of this checkpoint is kept no more")
        return form
