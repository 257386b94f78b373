"""A number for each grant, by which its tokens are found in a status list; those that are there get theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    entries = op.create_table(
        "status_entries",
        sa.Column("status_index", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("grant_id", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"]),
        sa.PrimaryKeyConstraint("status_index"),
        sa.UniqueConstraint("grant_id"),
    )
    grants = sa.table("grants", sa.column("grant_id"))
    op.execute(entries.insert().from_select(["grant_id"], sa.select(grants.c.grant_id)))
