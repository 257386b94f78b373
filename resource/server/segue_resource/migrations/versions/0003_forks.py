"""Tasks that begin with the past of another, items that are brought back, and when a tool call was started."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FORKED = sa.text("parent_task_id IS NOT NULL")
_STARTED = sa.text("started_seq IS NOT NULL")


def upgrade() -> None:
    op.add_column("task_heads", sa.Column("parent_task_id", sa.Text))
    op.add_column("task_heads", sa.Column("parent_seq", sa.BigInteger))
    op.create_index(
        "task_heads_by_parent",
        "task_heads",
        ["parent_task_id", "parent_seq"],
        postgresql_where=_FORKED,
        sqlite_where=_FORKED,
    )
    op.add_column("working_set_items", sa.Column("held_by", sa.Text))
    op.add_column("working_set_versions", sa.Column("text_task_id", sa.Text))
    op.add_column("working_set_versions", sa.Column("text_version", sa.Integer))
    op.add_column("working_set_versions", sa.Column("size", sa.Integer))
    op.add_column("tool_calls", sa.Column("started_seq", sa.BigInteger))
    op.create_index(
        "tool_calls_by_start",
        "tool_calls",
        ["task_id", "started_seq"],
        postgresql_where=_STARTED,
        sqlite_where=_STARTED,
    )
