"""Streams of security events, and what is still to be told in them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signal_streams",
        sa.Column("stream_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("endpoint_url", sa.Text, nullable=True),
        sa.Column("endpoint_authorization", sa.Text, nullable=True),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("begins_at", sa.BigInteger, nullable=False),
        sa.Column("gathered_at", sa.BigInteger, nullable=False),
        sa.Column("verified_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"]),
        sa.PrimaryKeyConstraint("stream_id"),
        sa.UniqueConstraint("client_id", name="signal_streams_client"),
    )
    op.create_table(
        "signals",
        sa.Column("jti", sa.Text, nullable=False),
        sa.Column("stream_id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("grant_id", sa.Text, nullable=True),
        sa.Column("subject", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=True),
        sa.Column("happened_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["signal_streams.stream_id"]),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"]),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.PrimaryKeyConstraint("jti"),
        sa.UniqueConstraint("stream_id", "grant_id", name="signals_once"),
    )
    op.create_index("signals_due", "signals", ["stream_id", "due_at"])
