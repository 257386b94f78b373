"""Identity at an upstream OpenID Connect provider."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "upstream_identities",
        sa.Column("identity_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("called", sa.Text, nullable=False),
        sa.Column("linked_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.PrimaryKeyConstraint("identity_id"),
        sa.UniqueConstraint("issuer", "sub", name="upstream_identities_once"),
    )
    op.create_index("upstream_identities_subject", "upstream_identities", ["subject"])
    op.create_table(
        "upstream_requests",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("browser", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=True),
        sa.Column("return_to", sa.Text, nullable=False),
        sa.Column("anew", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger, nullable=True),
        sa.ForeignKeyConstraint(["subject"], ["accounts.subject"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "upstream_sessions",
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("sid", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["browser_sessions.session_id"]),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_index("upstream_sessions_person", "upstream_sessions", ["issuer", "sub"])
    op.create_table(
        "upstream_logouts",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=True),
        sa.Column("sid", sa.Text, nullable=True),
        sa.Column("happened_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("upstream_logouts_happened", "upstream_logouts", ["issuer", "happened_at"])
