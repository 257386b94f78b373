"""What people sign in with beside a password, and what a browser session was begun with."""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
