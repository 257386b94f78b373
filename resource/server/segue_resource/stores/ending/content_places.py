"""Every place that holds what people and agents wrote: the list that an erasure goes through.

Whoever adds a place adds it here; a test walks the tables and says so to who forgets it. What is not sealed but
made from it, `erasures.Clearing` goes through by itself: the words of the search index, summaries of what others had
said, the objects of files, what a repair put in quarantine, and drafts in the ephemeral store. Presence says ids alone
and is forgotten after 30 seconds.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from segue_resource.stores import tables


@dataclass(frozen=True)
class SealedPlace:
    """A column whose values are sealed, and the column beside it with the number of the data key."""

    sealed: sa.Column[bytes]
    key_no: sa.Column[int]

    @property
    def table(self) -> sa.Table:
        table: sa.Table = self.sealed.table
        return table


def _place(table: sa.Table, sealed: str = "sealed", key_no: str = "key_no") -> SealedPlace:
    return SealedPlace(table.c[sealed], table.c[key_no])


SEALED = (
    _place(tables.tasks),
    _place(tables.events),
    _place(tables.sessions),
    _place(tables.handoffs),
    _place(tables.working_set_versions),
    _place(tables.tool_calls, "proposal_sealed", "proposal_key_no"),
    _place(tables.tool_calls, "outcome_sealed", "outcome_key_no"),
    _place(tables.idempotency_keys),
    _place(tables.holds),
    _place(tables.artifact_versions),
    _place(tables.blobs),
)

NOT_CONTENT = frozenset({"audit.link", "data_keys.wrapped"})
"""Columns of bytes that hold nothing that anybody wrote."""
