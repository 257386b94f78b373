"""Clients that register themselves or publish a document: where they come from, who let them, and what they hold."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registration_invitations",
        sa.Column("invitation_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("invitation_id"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("clients") as clients:
        clients.add_column(sa.Column("origin", sa.Text, nullable=False, server_default="operator"))
        for name in ("registered_at", "reviewed_at", "deleted_at", "read_until"):
            clients.add_column(sa.Column(name, sa.BigInteger, nullable=True))
        clients.add_column(sa.Column("registration_digest", sa.Text, nullable=True))
        clients.add_column(sa.Column("invitation_id", sa.Text, nullable=True))
        clients.create_foreign_key(
            "clients_invitation", "registration_invitations", ["invitation_id"], ["invitation_id"]
        )
