"""Which tasks a new session was offered, and what the person chose."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stitchings",
        sa.Column("session", sa.Text, primary_key=True),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("offered", sa.JSON, nullable=False),
        sa.Column("likely", sa.JSON, nullable=False),
        sa.Column("chosen", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
        sa.Column("new", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("stitchings_by_time", "stitchings", ["at"])
    op.create_index("stitchings_by_task", "stitchings", ["chosen"])
