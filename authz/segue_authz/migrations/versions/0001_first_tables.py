"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("subject"),
        sa.UniqueConstraint("username"),
    )
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        sa.Column("consumption_uris", sa.JSON(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("secret_digest", sa.Text, nullable=True),
        sa.Column("jwks", sa.JSON(), nullable=False),
        sa.Column("audience", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("client_id"),
    )
    op.create_table(
        "client_assertions",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("jti", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
        ),
        sa.PrimaryKeyConstraint("client_id", "jti"),
    )
    op.create_index("client_assertions_until", "client_assertions", ["until"], unique=False)
    op.create_table(
        "task_epochs",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("moved_by", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_table(
        "browser_sessions",
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=False),
        sa.Column("acr", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["accounts.subject"],
        ),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("jkt", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
        ),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["accounts.subject"],
        ),
        sa.PrimaryKeyConstraint("device_id"),
        sa.UniqueConstraint("subject", "client_id", "jkt", name="devices_key"),
    )
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("jkt", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=False),
        sa.Column("acr", sa.Text, nullable=False),
        sa.Column("transfer_id", sa.Text, nullable=True),
        sa.Column("token_lifetime", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["devices.device_id"],
        ),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["accounts.subject"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task_epochs.task_id"],
        ),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index("grants_revoked", "grants", ["revoked_at"], unique=False)
    op.create_index("grants_subject", "grants", ["subject"], unique=False)
    op.create_index("grants_task", "grants", ["task_id"], unique=False)
    op.create_index("grants_transfer", "grants", ["transfer_id"], unique=False)
    op.create_table(
        "authorization_codes",
        sa.Column("code_digest", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.Text, nullable=False),
        sa.Column("jkt", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=False),
        sa.Column("acr", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.Text, nullable=True),
        sa.Column("browser", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
        ),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["grants.grant_id"],
        ),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["accounts.subject"],
        ),
        sa.PrimaryKeyConstraint("code_digest"),
    )
    op.create_table(
        "pushed_requests",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "transfers",
        sa.Column("transfer_id", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("handle_digest", sa.Text, nullable=True),
        sa.Column("code_digest", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=True),
        sa.Column("task_id", sa.Text, nullable=True),
        sa.Column("asked_task_id", sa.Text, nullable=True),
        sa.Column("asked_name", sa.Text, nullable=True),
        sa.Column("source_grant_id", sa.Text, nullable=True),
        sa.Column("consumption_client_id", sa.Text, nullable=True),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=True),
        sa.Column("sensitivity", sa.Text, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("enter_until", sa.BigInteger(), nullable=True),
        sa.Column("opened_by", sa.Text, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("contested_at", sa.BigInteger(), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=True),
        sa.Column("poll_interval", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("claim_client_id", sa.Text, nullable=True),
        sa.Column("claim_jkt", sa.Text, nullable=True),
        sa.Column("claim_device_name", sa.Text, nullable=True),
        sa.Column("claim_place", sa.Text, nullable=True),
        sa.Column("claim_network", sa.Text, nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("auth_time", sa.BigInteger(), nullable=True),
        sa.Column("acr", sa.Text, nullable=True),
        sa.Column("explained", sa.Text, nullable=True),
        sa.Column("grant_id", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(
            ["consumption_client_id"],
            ["clients.client_id"],
        ),
        sa.ForeignKeyConstraint(
            ["source_grant_id"],
            ["grants.grant_id"],
        ),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["accounts.subject"],
        ),
        sa.PrimaryKeyConstraint("transfer_id"),
        sa.UniqueConstraint("code_digest"),
        sa.UniqueConstraint("handle_digest"),
    )
    op.create_index("transfers_source", "transfers", ["source_grant_id"], unique=False)
    op.create_index("transfers_subject", "transfers", ["subject"], unique=False)
