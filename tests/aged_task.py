"""A task that has been going on for long, made in the database at once: rows that nobody who reads them can unseal."""

import sqlalchemy as sa
from resource_world import TASK, StoreWorld

_NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT CAST(:first AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
)
_SOME = "(SELECT sealed FROM events WHERE task_id = :task AND seq = 1) AS one"
_SEALED = f"1, sealed FROM numbers, {_SOME}"
_AGES = [
    f"INSERT INTO {into} {_NUMBERS} SELECT :task, {values}, {_SEALED}"
    for into, values in {
        "events (task_id, seq, kind, role, at, sub, size, key_no, sealed)": (
            "n, 'message', 'agent', 1, 'usr_owner', 2000"
        ),
        "working_set_versions (task_id, item_id, version, seq, type, status, updated_at, sub, key_no, sealed)": (
            "'draft', n, n, 'document', 'open', 1, 'usr_owner'"
        ),
        "sessions (task_id, session_id, transport, sub, client_id, device_id, started_at, last_seen_at, ended_at,"
        " joined_seq, key_no, sealed)": "'ses_' || n, 'web', 'usr_owner', 'c', 'dev_1', 1, 1, 1, n",
        "tool_calls (task_id, call_id, version, tool, effect, state, attempt, proposed_seq, size, proposal_key_no,"
        " proposal_sealed)": "'call_' || n, 1, 't', 'pure', 'succeeded', 1, n, 1",
    }.items()
] + [
    "UPDATE working_set_items SET version = :last WHERE task_id = :task",
    "UPDATE task_heads SET head = :last WHERE task_id = :task",
]
"""A past in rows alone: none of them can be unsealed, so whoever reads one fails."""


async def age(store: StoreWorld, *, first: int, last: int) -> None:
    """Events, versions of one item, ended sessions and finished calls with all the numbers between."""
    numbers = {"task": TASK, "first": first, "last": last}

    def work(connection: sa.Connection) -> None:
        for text in _AGES:
            connection.execute(sa.text(text), {name: numbers[name] for name in numbers if f":{name}" in text})

    await store.database.write(work)
