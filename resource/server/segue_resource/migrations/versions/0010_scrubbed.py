"""When each task was verified last, and what repairs took out."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scrubs",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True),
        sa.Column("verified_at", sa.BigInteger, nullable=False),
        sa.Column("faults", sa.Integer, nullable=False),
    )
    op.create_index("scrubs_by_age", "scrubs", ["verified_at"])
    op.create_table(
        "quarantine",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True),
        sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("row", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
