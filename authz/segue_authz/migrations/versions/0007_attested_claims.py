"""Which attester vouched for the device that claimed a transfer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transfers", sa.Column("claim_attester", sa.Text, nullable=True))
