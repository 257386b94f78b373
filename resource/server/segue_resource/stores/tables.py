"""The tables, the same on SQLite and PostgreSQL. `migrations/versions` makes them; a test compares the two.

`task_heads` is the sequencer and the lock of its task: the only row that an append updates. Columns named `sealed`
hold what people and agents wrote, encrypted under the data key that `key_no` names. Times are seconds since the epoch.
"""

import sqlalchemy as sa

from segue_resource.domain.tool_call import UNFINISHED

metadata = sa.MetaData()

unfinished = sa.text("state IN ({})".format(", ".join(f"'{state}'" for state in sorted(UNFINISHED))))
"""Without parameters, so that both databases see that the partial index answers it."""


by_code_point = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text whose order is that of its code points, in every database alike."""


def _task_id() -> sa.Column[str]:
    return sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True)


tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name_source", sa.Text, nullable=False),
    sa.Column("sensitivity", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("budget", sa.Text),  # JSON
    sa.Column("proposal_seq", sa.BigInteger),  # the event that proposes a name, while nobody has answered
    sa.Column("key_no", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("retention_class", sa.Text, nullable=False, server_default="default"),
    sa.Column(
        "reckoned", sa.Text, nullable=False, server_default=sa.text("''")
    ),  # the mark of the policy behind `due_at`
    sa.Column("reckoned_at", sa.BigInteger, nullable=False, server_default="0"),  # since when that policy holds here
    sa.Column("due_at", sa.BigInteger, server_default="0"),  # when to look at it again; absent: never by itself
    sa.Column("ended_at", sa.BigInteger),
    sa.Column(
        "dropped", sa.Text, nullable=False, server_default=sa.text("''")
    ),  # tiers of which nothing is left, with spaces
    sa.Column("dropping", sa.BigInteger, nullable=False, server_default="0"),  # how far the tier at work is dropped
    sa.Column("compacted_to", sa.BigInteger, nullable=False, server_default="0"),  # compactions up to this are dropped
    sa.Index("tasks_by_due", "reckoned", "due_at"),
)

task_heads = sa.Table(
    "task_heads",
    metadata,
    _task_id(),
    sa.Column("head", sa.BigInteger, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("lead", sa.Text, nullable=False),  # the role that answers the customer
    sa.Column("working_set_version", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("parent_task_id", sa.Text),  # who holds the past of a fork
    sa.Column("parent_seq", sa.BigInteger),  # up to which event; the fork's own begin behind it
    sa.Index(
        "task_heads_by_parent",
        "parent_task_id",
        "parent_seq",
        postgresql_where=sa.text("parent_task_id IS NOT NULL"),
        sqlite_where=sa.text("parent_task_id IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": 50},
)

participants = sa.Table(
    "participants",
    metadata,
    _task_id(),
    sa.Column("sub", sa.Text, primary_key=True),
    sa.Column("from_seq", sa.BigInteger, primary_key=True),
    sa.Column("to_seq", sa.BigInteger),  # absent while the person takes part
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("granted_by", sa.Text, nullable=False),
    sa.Index("participants_by_sub", "sub", "task_id"),
    sa.Index(
        "participants_living",
        "task_id",
        "sub",
        unique=True,
        postgresql_where=sa.text("to_seq IS NULL"),
        sqlite_where=sa.text("to_seq IS NULL"),
    ),
)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("invitation_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Column("code_digest", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("invited_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("accepted_by", sa.Text),
    sa.Index("invitations_by_task", "task_id", "created_at"),
)

handoffs = sa.Table(
    "handoffs",
    metadata,
    _task_id(),
    sa.Column("handoff_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),  # rises with each change: what a compare-and-set compares
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("offered_by", sa.Text, nullable=False),
    sa.Column("from_role", sa.Text, nullable=False),
    sa.Column("to_role", sa.Text, nullable=False),
    sa.Column("to_sub", sa.Text),  # absent: whoever of the role accepts first
    sa.Column("accepted_by", sa.Text),
    sa.Column("offered_seq", sa.BigInteger, nullable=False),
    sa.Column("accepted_seq", sa.BigInteger),
    sa.Column("ended_seq", sa.BigInteger),
    sa.Column("key_no", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("handoffs_by_offer", "task_id", "offered_seq"),
)

audit = sa.Table(
    "audit",
    metadata,
    _task_id(),
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),  # where the log stood
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text),
    sa.Column("device_id", sa.Text),
    sa.Column("about", sa.Text, nullable=False),  # JSON: ids and words of ours, nothing that people or agents wrote
    sa.Column("link", sa.LargeBinary, nullable=False),
    sa.Index(
        "audit_releases",
        "task_id",
        "about",
        unique=True,
        postgresql_where=sa.text("kind = 'state.released'"),
        sqlite_where=sa.text("kind = 'state.released'"),
    ),
)

released = sa.text("kind = 'state.released'")
"""As `unfinished`, for the index of the audit in which a release of state is found and is there once."""

data_keys = sa.Table(  # refers to nothing, so that keys can move to a database that is backed up apart
    "data_keys",
    metadata,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("key_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("master_key_id", sa.Text, nullable=False),
    sa.Column("wrapped", sa.LargeBinary),  # absent once destroyed
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("destroyed_at", sa.BigInteger),
    sa.Index(
        "data_keys_living",
        "task_id",
        "sub",
        unique=True,
        postgresql_where=sa.text("destroyed_at IS NULL"),
        sqlite_where=sa.text("destroyed_at IS NULL"),
    ),
)

key_generations = sa.Table(  # of the master key; refers to nothing, as data_keys
    "key_generations",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("noted_at", sa.BigInteger, nullable=False),
    sa.Column("retired_at", sa.BigInteger),  # from then on it wraps no more
    sa.Column("destroyed_at", sa.BigInteger),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("erasure_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Column("sub", sa.Text),  # absent: everybody's
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("keys", sa.Integer, nullable=False),  # how many were destroyed
    sa.Column("seq", sa.BigInteger, nullable=False),  # the event that says so
    sa.Column("unreadable_at", sa.BigInteger, nullable=False),
    sa.Column("cleared_at", sa.BigInteger),
    sa.Column("backups_at", sa.BigInteger),  # since then no backup made before opens it either
    sa.Index("erasures_by_task", "task_id", "unreadable_at"),
    sa.Index(
        "erasures_unfinished",
        "unreadable_at",
        postgresql_where=sa.text("backups_at IS NULL"),
        sqlite_where=sa.text("backups_at IS NULL"),
    ),
)

events = sa.Table(
    "events",
    metadata,
    _task_id(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text),
    sa.Column("device_id", sa.Text),
    sa.Column("session_id", sa.Text),
    sa.Column("size", sa.Integer, nullable=False),  # bytes of the body before it was sealed
    sa.Column("key_no", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("state_key", by_code_point),  # of an entry of the agent's state, which the event keeps or drops
    sa.Index(
        "events_by_state_key",
        "task_id",
        "state_key",
        "seq",
        postgresql_where=sa.text("state_key IS NOT NULL"),
        sqlite_where=sa.text("state_key IS NOT NULL"),
    ),
)

elisions = sa.Table(
    "elisions",
    metadata,
    _task_id(),
    sa.Column("by_seq", sa.BigInteger, primary_key=True, autoincrement=False),  # the event that says so
    sa.Column("from_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("to_seq", sa.BigInteger, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Index("elisions_by_end", "task_id", "to_seq"),
)

summary_subjects = sa.Table(  # whose words a summary tells, and who wrote it
    "summary_subjects",
    metadata,
    _task_id(),
    sa.Column("by_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sub", sa.Text, primary_key=True),
    sa.Index("summary_subjects_by_sub", "sub", "task_id"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Column("transport", sa.Text, nullable=False),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("device_id", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("last_seen_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("joined_seq", sa.BigInteger, nullable=False),
    sa.Column("transfer_id", sa.Text),
    sa.Column("connection_id", sa.Text),  # the same for all sessions of one connection that serves several tasks
    sa.Column("key_no", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("began", sa.Text),  # what the conversation began or goes on with; absent where it only reads
    sa.Index("sessions_by_task", "task_id", "joined_seq"),
    sa.Index(
        "sessions_live",
        "task_id",
        "joined_seq",
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    ),
    sa.Index("sessions_by_sub", "sub", "started_at"),
)

working_set_items = sa.Table(
    "working_set_items",
    metadata,
    _task_id(),
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("held_by", sa.Text),  # the task that has the version: absent where it is this one, not one it forked from
)

working_set_versions = sa.Table(
    "working_set_versions",
    metadata,
    _task_id(),
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),  # the event that says so: the set as of any place in the log
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text),
    sa.Column("device_id", sa.Text),
    sa.Column("key_no", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),  # absent where this version is a deletion, or brings back another's text
    sa.Column("source_seq", sa.BigInteger),  # the event it was drawn from, if its writer said so
    sa.Column("text_task_id", sa.Text),  # whose text it brings back, in which task and version
    sa.Column("text_version", sa.Integer),
    sa.Column("size", sa.Integer),  # bytes of title and body; absent where a former release wrote it
    sa.Index("working_set_versions_by_seq", "task_id", "item_id", "seq"),
)

tool_calls = sa.Table(
    "tool_calls",
    metadata,
    _task_id(),
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),  # rises with each change: what a compare-and-set compares
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("effect", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("fence_epoch", sa.BigInteger),
    sa.Column("fence_counter", sa.Integer),
    sa.Column("holder_device_id", sa.Text),
    sa.Column("holder_session_id", sa.Text),
    sa.Column("lease_until", sa.BigInteger),
    sa.Column("unsettled", sa.Text),  # who finds out, while nobody knows whether it took effect
    sa.Column("proposed_seq", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("size", sa.Integer, nullable=False),  # bytes of proposal and outcome before they were sealed
    sa.Column("proposal_key_no", sa.Integer, nullable=False),
    sa.Column("proposal_sealed", sa.LargeBinary, nullable=False),
    sa.Column("outcome_key_no", sa.Integer),
    sa.Column("outcome_sealed", sa.LargeBinary),
    sa.Column("started_seq", sa.BigInteger),  # the event of its last start; absent where a former release started it
    sa.Column("reserved_unit", sa.Text),
    sa.Column("reserved", sa.BigInteger),  # what is not reported yet of what its claim has set aside
    sa.Column("reference", sa.Text),  # what whoever proposed it calls it
    sa.Index(
        "tool_calls_by_reference",
        "task_id",
        "reference",
        unique=True,
        postgresql_where=sa.text("reference IS NOT NULL"),
        sqlite_where=sa.text("reference IS NOT NULL"),
    ),
    sa.Index("tool_calls_by_proposal", "task_id", "proposed_seq"),
    sa.Index(
        "tool_calls_by_start",
        "task_id",
        "started_seq",
        postgresql_where=sa.text("started_seq IS NOT NULL"),
        sqlite_where=sa.text("started_seq IS NOT NULL"),
    ),
    sa.Index("tool_calls_unfinished", "task_id", "proposed_seq", postgresql_where=unfinished, sqlite_where=unfinished),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    _task_id(),
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("idempotency_key", sa.Text, primary_key=True),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("key_no", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("idempotency_keys_by_age", "recorded_at"),
)

search_states = sa.Table(
    "search_states",
    metadata,
    _task_id(),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("through", sa.BigInteger, nullable=False),  # the last event that is in the index
)

search_documents = sa.Table(
    "search_documents",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("sub", sa.Text, nullable=False),  # who wrote it, so that it goes with their key
    sa.Column("terms", sa.Text, nullable=False),  # hashed or readable, as SEGUE_RESOURCE_SEARCH says
    sa.Index("search_documents_by_seq", "task_id", "seq", unique=True),
    sa.Index(
        "search_documents_by_term",
        sa.text("array_to_tsvector(string_to_array(terms, ' '))"),
        postgresql_using="gin",
    ).ddl_if(dialect="postgresql"),
)

usage_reports = sa.Table(  # refers to nothing: a bill outlives the task
    "usage_reports",
    metadata,
    sa.Column("usage_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text),  # the name of a model or a tool
    sa.Column("call_id", sa.Text),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("device_id", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("usage_reports_by_time", "at", "usage_id"),
)

usage_totals = sa.Table(
    "usage_totals",
    metadata,
    _task_id(),
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
)

usage_by_session = sa.Table(
    "usage_by_session",
    metadata,
    _task_id(),
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("reports", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
)

scrubs = sa.Table(
    "scrubs",
    metadata,
    _task_id(),
    sa.Column("verified_at", sa.BigInteger, nullable=False),
    sa.Column("faults", sa.Integer, nullable=False),
    sa.Index("scrubs_by_age", "verified_at"),
)

quarantine = sa.Table(  # rows that a repair changed or took out, as it found them
    "quarantine",
    metadata,
    _task_id(),
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),  # the table it was in
    sa.Column("row", sa.Text, nullable=False),  # JSON of its columns
    sa.Column("why", sa.Text, nullable=False),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    _task_id(),
    sa.Column("artifact_id", sa.Text, primary_key=True),  # found from the path by a key, and tells nothing of it
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("read_first", sa.Boolean, nullable=False),
    sa.Column("held_by", sa.Text),  # as in `working_set_items`
)

artifact_versions = sa.Table(
    "artifact_versions",
    metadata,
    _task_id(),
    sa.Column("artifact_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),  # the event that says so, as in `working_set_versions`
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text),
    sa.Column("device_id", sa.Text),
    sa.Column("read_first", sa.Boolean, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("blob_id", sa.Text),
    sa.Column("key_no", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),  # absent where this version is a deletion
    sa.Index("artifact_versions_by_seq", "task_id", "artifact_id", "seq"),
    sa.Index("artifact_versions_by_blob", "blob_id"),
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("blob_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Column("sub", sa.Text, nullable=False),  # who uploaded it: their key seals it
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes that have come
    sa.Column("claims", sa.Integer, nullable=False),  # rises whenever a version names it: what collecting compares
    sa.Column("touched_at", sa.BigInteger, nullable=False),
    sa.Column("content_tag", sa.Text),
    sa.Column("key_no", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("blobs_by_task", "task_id", "sub"),
    sa.Index("blobs_by_content", "task_id", "content_tag"),
    sa.Index("blobs_by_age", "state", "touched_at"),
)

blob_parts = sa.Table(
    "blob_parts",
    metadata,
    sa.Column("part_id", sa.Text, primary_key=True),
    sa.Column("blob_id", sa.Text, sa.ForeignKey("blobs.blob_id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Index("blob_parts_by_blob", "blob_id", "start"),
    sa.Index("blob_parts_by_age", "state", "made_at"),
)

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("placed_at", sa.BigInteger, nullable=False),
    sa.Column("released_at", sa.BigInteger),
    sa.Column("key_no", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),  # why, in an operator's words
    sa.Index(
        "holds_living",
        "task_id",
        "hold_id",
        postgresql_where=sa.text("released_at IS NULL"),
        sqlite_where=sa.text("released_at IS NULL"),
    ),
)

stitchings = sa.Table(  # what a person chose for a new session, of what was offered: ids alone
    "stitchings",
    metadata,
    sa.Column("session", sa.Text, primary_key=True),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("offered", sa.JSON, nullable=False),
    sa.Column("likely", sa.JSON, nullable=False),
    sa.Column("chosen", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Column("new", sa.Boolean, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("stitchings_by_time", "at"),
    sa.Index("stitchings_by_task", "chosen"),
)
