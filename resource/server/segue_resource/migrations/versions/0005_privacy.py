"""Erasures, and the generations of the master key that wrap data keys."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_generations",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("noted_at", sa.BigInteger, nullable=False),
        sa.Column("retired_at", sa.BigInteger),
        sa.Column("destroyed_at", sa.BigInteger),
    )
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
        sa.Column("sub", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("unreadable_at", sa.BigInteger, nullable=False),
        sa.Column("cleared_at", sa.BigInteger),
        sa.Column("backups_at", sa.BigInteger),
    )
    op.create_index("erasures_by_task", "erasures", ["task_id", "unreadable_at"])
    unfinished = sa.text("backups_at IS NULL")
    op.create_index(
        "erasures_unfinished",
        "erasures",
        ["unreadable_at"],
        postgresql_where=unfinished,
        sqlite_where=unfinished,
    )
