"""Ranges of the log that a reader is spared, whose words a summary tells, and where an item was drawn from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "elisions",
        _task(),
        sa.Column("by_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("from_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("to_seq", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index("elisions_by_end", "elisions", ["task_id", "to_seq"])
    op.create_table(
        "summary_subjects",
        _task(),
        sa.Column("by_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sub", sa.Text, primary_key=True),
    )
    op.create_index("summary_subjects_by_sub", "summary_subjects", ["sub", "task_id"])
    op.add_column("working_set_versions", sa.Column("source_seq", sa.BigInteger))


def _task() -> sa.Column[str]:
    return sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True)
