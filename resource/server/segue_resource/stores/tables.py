"""The tables, the same on SQLite and PostgreSQL. `migrations/versions` makes them; a test compares the two.

`task_heads` is the sequencer and the lock of its task: the only row that an append updates. Columns named `sealed`
hold what people and agents wrote, encrypted under the data key that `key_no` names. Times are seconds since the epoch.
"""

import sqlalchemy as sa

from segue_resource.domain.tool_call import UNFINISHED

metadata = sa.MetaData()

unfinished = sa.text("state IN ({})".format(", ".join(f"'{state}'" for state in sorted(UNFINISHED))))
"""Without parameters, so that both databases see that the partial index answers it."""


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
    sa.Column("sealed", sa.LargeBinary),  # absent where this version is a deletion
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
    sa.Index("tool_calls_by_proposal", "task_id", "proposed_seq"),
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
