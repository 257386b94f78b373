"""What a person is told of a device that has joined a task."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "arrivals",
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("new_device", sa.Boolean, nullable=False),
        sa.Column("decided_in", sa.Text, nullable=True),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=True),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=True),
        sa.Column("answer", sa.Text, nullable=True),
        sa.Column("answered_at", sa.BigInteger, nullable=True),
        sa.Column("answered_in", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"]),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index("arrivals_subject", "arrivals", ["subject", "joined_at"])
    op.create_index("arrivals_asked", "arrivals", ["asked", "joined_at"])
    op.create_table(
        "push_messages",
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("grant_id", sa.Text, nullable=True),
        sa.Column("transfer_id", sa.Text, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"]),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.transfer_id"]),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index("push_messages_due", "push_messages", ["due_at"])
    op.create_index("push_messages_subscription", "push_messages", ["subscription_id"])
