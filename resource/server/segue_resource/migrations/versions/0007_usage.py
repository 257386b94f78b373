"""What a task has used of its budget, what is set aside of it, and which conversations go on with a task."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BEGAN = """
UPDATE sessions SET began = CASE
  WHEN NOT EXISTS (SELECT 1 FROM sessions AS before
                   WHERE before.task_id = sessions.task_id AND before.joined_seq < sessions.joined_seq) THEN 'new_task'
  WHEN EXISTS (SELECT 1 FROM audit
               WHERE audit.task_id = sessions.task_id AND audit.kind = 'task.status_changed'
               AND audit.about LIKE '%"to":"closed"%' AND audit.seq < sessions.joined_seq) THEN NULL
  ELSE 'continued' END"""
"""Of the sessions there are. Which of them only read under an old epoch is not in their rows."""


def upgrade() -> None:
    op.create_table(
        "usage_reports",
        sa.Column("usage_id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("call_id", sa.Text),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("usage_reports_by_time", "usage_reports", ["at", "usage_id"])
    op.create_table(
        "usage_totals",
        _task(),
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "usage_by_session",
        _task(),
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("reports", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
    op.add_column("tool_calls", sa.Column("reserved_unit", sa.Text))
    op.add_column("tool_calls", sa.Column("reserved", sa.BigInteger))
    op.add_column("sessions", sa.Column("began", sa.Text))
    op.execute(_BEGAN)


def _task() -> sa.Column[str]:
    return sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True)
