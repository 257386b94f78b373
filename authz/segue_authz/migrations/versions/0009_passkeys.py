"""What people sign in with beside a password, and what a browser session was begun with."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("browser_sessions", sa.Column("amr", sa.Text, nullable=True))
    op.add_column("browser_sessions", sa.Column("passkey_id", sa.Text, nullable=True))
    op.create_table(
        "passkeys",
        sa.Column("passkey_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("user_handle", sa.Text, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", sa.Text, nullable=False),
        sa.Column("attachment", sa.Text, nullable=True),
        sa.Column("aaguid", sa.Text, nullable=False),
        sa.Column("multi_device", sa.Boolean, nullable=False),
        sa.Column("backed_up", sa.Boolean, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=True),
        sa.Column("removed_at", sa.BigInteger, nullable=True),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.PrimaryKeyConstraint("passkey_id"),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_index("passkeys_subject", "passkeys", ["subject"])
    op.create_table(
        "spent_challenges",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("spent_challenges_until", "spent_challenges", ["until"])
    op.create_table(
        "recovery_codes",
        sa.Column("code_digest", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
        sa.Column("used_at", sa.BigInteger, nullable=True),
        sa.Column("replaced_at", sa.BigInteger, nullable=True),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.PrimaryKeyConstraint("code_digest"),
    )
    op.create_index("recovery_codes_subject", "recovery_codes", ["subject"])
    op.create_table(
        "account_events",
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=True),
        sa.Column("network", sa.Text, nullable=True),
        sa.Column("happened_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("account_events_subject", "account_events", ["subject", "happened_at"])
