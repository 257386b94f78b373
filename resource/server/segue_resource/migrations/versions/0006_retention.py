"""Classes of tasks, and how long what is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LIVING = sa.text("released_at IS NULL")


def upgrade() -> None:
    op.add_column("tasks", sa.Column("retention_class", sa.Text, nullable=False, server_default="default"))
    op.add_column("tasks", sa.Column("reckoned", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("tasks", sa.Column("reckoned_at", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("due_at", sa.BigInteger, server_default="0"))
    op.add_column("tasks", sa.Column("ended_at", sa.BigInteger))
    op.add_column("tasks", sa.Column("dropped", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("tasks", sa.Column("dropping", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("compacted_to", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("tasks_by_due", "tasks", ["reckoned", "due_at"])
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("placed_at", sa.BigInteger, nullable=False),
        sa.Column("released_at", sa.BigInteger),
        sa.Column("key_no", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "holds_living",
        "holds",
        ["task_id", "hold_id"],
        postgresql_where=_LIVING,
        sqlite_where=_LIVING,
    )
