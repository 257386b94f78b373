"""What is looked for with each device that asks or joins is found without reading the whole table."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
expands = True


def upgrade() -> None:
    op.create_index("grants_device", "grants", ["device_id"])
    op.create_index(
        "transfers_reported",
        "transfers",
        ["claim_client_id", "reported_at"],
        postgresql_where=sa.text("reported_at IS NOT NULL"),
        sqlite_where=sa.text("reported_at IS NOT NULL"),
    )
