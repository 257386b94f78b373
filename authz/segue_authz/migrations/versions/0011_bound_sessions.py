"""Browser sessions that are bound to their device."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bound_sessions",
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("jwk", sa.JSON, nullable=False),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
        sa.Column("unproved_at", sa.BigInteger, nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["browser_sessions.session_id"]),
        sa.PrimaryKeyConstraint("session_id"),
        sa.UniqueConstraint("identifier"),
    )
