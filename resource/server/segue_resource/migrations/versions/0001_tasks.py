"""Tasks: their log, working set, tool calls, sessions, people and keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LIVING = sa.text("destroyed_at IS NULL")
_TAKES_PART = sa.text("to_seq IS NULL")
_RELEASED = sa.text("kind = 'state.released'")
_LIVE = sa.text("ended_at IS NULL")
_UNFINISHED = sa.text("state IN ('approved', 'claimed', 'proposed', 'running', 'unknown')")


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name_source", sa.Text, nullable=False),
        sa.Column("sensitivity", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("budget", sa.Text),
        sa.Column("proposal_seq", sa.BigInteger),
        sa.Column("key_no", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "task_heads",
        _task(),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("lead", sa.Text, nullable=False),
        sa.Column("working_set_version", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        postgresql_with={"fillfactor": 50},
    )
    _people()
    _log()
    _working_set()
    _tool_calls()


def _task() -> sa.Column[str]:
    return sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True)


def _people() -> None:
    op.create_table(
        "participants",
        _task(),
        sa.Column("sub", sa.Text, primary_key=True),
        sa.Column("from_seq", sa.BigInteger, primary_key=True),
        sa.Column("to_seq", sa.BigInteger),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("granted_by", sa.Text, nullable=False),
    )
    op.create_index("participants_by_sub", "participants", ["sub", "task_id"])
    op.create_index(
        "participants_living",
        "participants",
        ["task_id", "sub"],
        unique=True,
        postgresql_where=_TAKES_PART,
        sqlite_where=_TAKES_PART,
    )
    _joining()
    op.create_table(
        "data_keys",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("key_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("master_key_id", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("destroyed_at", sa.BigInteger),
    )
    op.create_index(
        "data_keys_living",
        "data_keys",
        ["task_id", "sub"],
        unique=True,
        postgresql_where=_LIVING,
        sqlite_where=_LIVING,
    )
    op.create_table(
        "sessions",
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
        sa.Column("connection_id", sa.Text),
        sa.Column("key_no", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("sessions_by_task", "sessions", ["task_id", "joined_seq"])
    op.create_index("sessions_live", "sessions", ["task_id", "joined_seq"], postgresql_where=_LIVE, sqlite_where=_LIVE)
    op.create_index("sessions_by_sub", "sessions", ["sub", "started_at"])


def _joining() -> None:
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
        sa.Column("code_digest", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("invited_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("accepted_by", sa.Text),
    )
    op.create_index("invitations_by_task", "invitations", ["task_id", "created_at"])
    op.create_table(
        "handoffs",
        _task(),
        sa.Column("handoff_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("offered_by", sa.Text, nullable=False),
        sa.Column("from_role", sa.Text, nullable=False),
        sa.Column("to_role", sa.Text, nullable=False),
        sa.Column("to_sub", sa.Text),
        sa.Column("accepted_by", sa.Text),
        sa.Column("offered_seq", sa.BigInteger, nullable=False),
        sa.Column("accepted_seq", sa.BigInteger),
        sa.Column("ended_seq", sa.BigInteger),
        sa.Column("key_no", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("handoffs_by_offer", "handoffs", ["task_id", "offered_seq"])
    op.create_table(
        "audit",
        _task(),
        sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("device_id", sa.Text),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "audit_releases",
        "audit",
        ["task_id", "about"],
        unique=True,
        postgresql_where=_RELEASED,
        sqlite_where=_RELEASED,
    )


def _log() -> None:
    op.create_table(
        "events",
        _task(),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("device_id", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("key_no", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        _task(),
        sa.Column("device_id", sa.Text, primary_key=True),
        sa.Column("idempotency_key", sa.Text, primary_key=True),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("key_no", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["recorded_at"])


def _working_set() -> None:
    op.create_table(
        "working_set_items",
        _task(),
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
    )
    op.create_table(
        "working_set_versions",
        _task(),
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("device_id", sa.Text),
        sa.Column("key_no", sa.Integer),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_index("working_set_versions_by_seq", "working_set_versions", ["task_id", "item_id", "seq"])


def _tool_calls() -> None:
    op.create_table(
        "tool_calls",
        _task(),
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("effect", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("fence_epoch", sa.BigInteger),
        sa.Column("fence_counter", sa.Integer),
        sa.Column("holder_device_id", sa.Text),
        sa.Column("holder_session_id", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("unsettled", sa.Text),
        sa.Column("proposed_seq", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("proposal_key_no", sa.Integer, nullable=False),
        sa.Column("proposal_sealed", sa.LargeBinary, nullable=False),
        sa.Column("outcome_key_no", sa.Integer),
        sa.Column("outcome_sealed", sa.LargeBinary),
    )
    op.create_index("tool_calls_by_proposal", "tool_calls", ["task_id", "proposed_seq"])
    op.create_index(
        "tool_calls_unfinished",
        "tool_calls",
        ["task_id", "proposed_seq"],
        postgresql_where=_UNFINISHED,
        sqlite_where=_UNFINISHED,
    )
