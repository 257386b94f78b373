"""One state of a task, for the checks to look at: the account of its log, and what lies beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from segue_resource.stores.keys.master_key import MasterKey
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.scrub.account import Account
from segue_resource.stores.scrub.fault import Fault, Harm, Mend, Remedy


@dataclass(frozen=True)
class Found:
    """What every check is given. `last` is the number of the last event that is there."""

    connection: sa.Connection
    task_id: str
    keys: TaskKeys
    master: MasterKey
    account: Account
    last: int

    def rows(self, table: sa.Table) -> list[sa.Row[Any]]:
        """The rows of the task, in the order of their key."""
        asked = sa.select(table).where(table.c.task_id == self.task_id).order_by(*table.primary_key)
        return list(self.connection.execute(asked))

    def fault(
        self,
        table: sa.Table,
        row: object,
        harm: Harm,
        what: str,
        *,
        remedy: Remedy = Remedy.NONE,
        mend: Mend | None = None,
    ) -> Fault:
        return Fault(self.task_id, str(table.name), str(row), harm, what, remedy, mend)

    def differing(
        self, table: sa.Table, row: sa.Row[Any], expected: dict[str, Any], *, name: str = ""
    ) -> Iterator[Fault]:
        """A fault for each column that is not what the log says; it is mended by what the log says."""
        for column, value in expected.items():
            if row._mapping[column] != value:
                what = f"{column} is not what the log says"
                yield self.fault(
                    table, name or "row", Harm.WRONG, what, remedy=Remedy.REBUILT, mend=_set(table, row, column, value)
                )


Check = Callable[[Found], Iterator[Fault]]


def key_of(table: sa.Table, row: sa.Row[Any]) -> dict[str, Any]:
    return {column.name: row._mapping[column.name] for column in table.primary_key}


def _set(table: sa.Table, row: sa.Row[Any], column: str, value: Any) -> Mend:
    return lambda mending: mending.change(table, key_of(table, row), {column: value})
