"""The tables of the authorization server. `migrations/` creates them; a test keeps both the same."""

import sqlalchemy as sa

metadata = sa.MetaData()

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("username", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("deleted_at", sa.BigInteger),
)

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("redirect_uris", sa.JSON, nullable=False),
    sa.Column("consumption_uris", sa.JSON, nullable=False),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("secret_digest", sa.Text),
    sa.Column("jwks", sa.JSON, nullable=False),
    sa.Column("audience", sa.Text),
)

client_assertions = sa.Table(
    "client_assertions",
    metadata,
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), primary_key=True),
    sa.Column("jti", sa.Text, primary_key=True),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Index("client_assertions_until", "until"),
)

browser_sessions = sa.Table(
    "browser_sessions",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("acr", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
)

devices = sa.Table(
    "devices",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("jkt", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.UniqueConstraint("subject", "client_id", "jkt", name="devices_key"),
)

task_epochs = sa.Table(
    "task_epochs",
    metadata,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("moved_by", sa.Text),  # whose devices the epoch tells apart; absent until the first move
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("grant_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("device_id", sa.Text, sa.ForeignKey("devices.device_id"), nullable=False),
    sa.Column("jkt", sa.Text, nullable=False),
    sa.Column("task_id", sa.Text, sa.ForeignKey("task_epochs.task_id"), nullable=False),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("acr", sa.Text, nullable=False),
    sa.Column("transfer_id", sa.Text),
    sa.Column("token_lifetime", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("rotated_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Index("grants_task", "task_id"),
    sa.Index("grants_subject", "subject"),
    sa.Index("grants_transfer", "transfer_id"),
    sa.Index("grants_revoked", "revoked_at"),
)

authorization_codes = sa.Table(
    "authorization_codes",
    metadata,
    sa.Column("code_digest", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("code_challenge", sa.Text, nullable=False),
    sa.Column("jkt", sa.Text, nullable=False),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("acr", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("grant_id", sa.Text, sa.ForeignKey("grants.grant_id")),
    sa.Column("browser", sa.Text),
)

pushed_requests = sa.Table(
    "pushed_requests",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("answered_at", sa.BigInteger),
)

transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("handle_digest", sa.Text, unique=True),
    sa.Column("code_digest", sa.Text, nullable=False, unique=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject")),
    sa.Column("task_id", sa.Text),
    sa.Column("asked_task_id", sa.Text),
    sa.Column("asked_name", sa.Text),
    sa.Column("source_grant_id", sa.Text, sa.ForeignKey("grants.grant_id")),
    sa.Column("consumption_client_id", sa.Text, sa.ForeignKey("clients.client_id")),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("mode", sa.Text),
    sa.Column("sensitivity", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("enter_until", sa.BigInteger),
    sa.Column("opened_by", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("contested_at", sa.BigInteger),
    sa.Column("reported_at", sa.BigInteger),
    sa.Column("poll_interval", sa.BigInteger, nullable=False),
    sa.Column("polled_at", sa.BigInteger),
    sa.Column("claim_client_id", sa.Text),
    sa.Column("claim_jkt", sa.Text),
    sa.Column("claim_device_name", sa.Text),
    sa.Column("claim_place", sa.Text),
    sa.Column("claim_network", sa.Text),
    sa.Column("claimed_at", sa.BigInteger),
    sa.Column("auth_time", sa.BigInteger),
    sa.Column("acr", sa.Text),
    sa.Column("explained", sa.Text),
    sa.Column("grant_id", sa.Text),
    sa.Index("transfers_source", "source_grant_id"),
    sa.Index("transfers_subject", "subject"),
)
