"""The state that agents keep in a task, and what they call their tool calls."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
expands = True

_by_code_point = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("events", sa.Column("state_key", _by_code_point))
    _partial_index("events_by_state_key", "events", ["task_id", "state_key", "seq"], where="state_key IS NOT NULL")
    op.add_column("tool_calls", sa.Column("reference", sa.Text))
    _partial_index(
        "tool_calls_by_reference", "tool_calls", ["task_id", "reference"], where="reference IS NOT NULL", unique=True
    )


def _partial_index(name: str, table: str, columns: list[str], *, where: str, unique: bool = False) -> None:
    there = sa.text(where)
    op.create_index(name, table, columns, unique=unique, postgresql_where=there, sqlite_where=there)
