"""What servers are registered for, grants that came of other grants, and the one audience that was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("exchange_actions", "services"):
        op.add_column("clients", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("clients", sa.Column("exchange_audiences", sa.JSON, nullable=False, server_default="[]"))
    op.add_column(
        "clients", sa.Column("require_signed_request_object", sa.Boolean, nullable=False, server_default=sa.false())
    )
    with op.batch_alter_table("grants") as grants:
        grants.add_column(sa.Column("parent_grant_id", sa.Text, nullable=True))
        grants.add_column(sa.Column("resource", sa.Text, nullable=True))
        grants.add_column(sa.Column("actors", sa.JSON, nullable=False, server_default="[]"))
        grants.create_foreign_key("grants_parent", "grants", ["parent_grant_id"], ["grant_id"])
    op.create_index("grants_delegated", "grants", ["parent_grant_id", "client_id", "jkt"], unique=True)
    op.add_column("authorization_codes", sa.Column("resource", sa.Text, nullable=True))
