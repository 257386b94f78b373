"""What clients ask by the backchannel, who may be reached how often, and what is still to be told to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("backchannel_token_delivery_mode", sa.Text, nullable=True))
    op.add_column("clients", sa.Column("backchannel_client_notification_endpoint", sa.Text, nullable=True))
    op.add_column(
        "clients", sa.Column("backchannel_user_code_parameter", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "backchannel_requests",
        sa.Column("transfer_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("reached_by", sa.Text, nullable=False),
        sa.Column("binding_message", sa.Text, nullable=True),
        sa.Column("notification_token", sa.Text, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.transfer_id"]),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"]),
        sa.PrimaryKeyConstraint("transfer_id"),
    )
    op.create_index("backchannel_requests_pair", "backchannel_requests", ["client_id", "person", "created_at"])
    op.create_table(
        "budgets",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "user_codes",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("code_hash", sa.Text, nullable=False),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_table(
        "push_subscriptions",
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.ForeignKeyConstraint(["session_id"], ["browser_sessions.session_id"]),
        sa.PrimaryKeyConstraint("subscription_id"),
    )
    op.create_index("push_subscriptions_subject", "push_subscriptions", ["subject"])
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text, nullable=False),
        sa.Column("transfer_id", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.transfer_id"]),
        sa.PrimaryKeyConstraint("notice_id"),
    )
    op.create_index("notices_due", "notices", ["due_at"])
