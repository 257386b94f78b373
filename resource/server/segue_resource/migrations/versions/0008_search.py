"""Words to find in a task."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FTS = """CREATE VIRTUAL TABLE search_terms
USING fts5(terms, content='search_documents', content_rowid='id', tokenize='ascii')"""
"""It keeps no copy of the words, which stand in the table. Bytes beyond ASCII are parts of words to it."""


def upgrade() -> None:
    op.create_table(
        "search_states",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("through", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "search_documents",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
    )
    op.create_index("search_documents_by_seq", "search_documents", ["task_id", "seq"], unique=True)
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_FTS)
    else:
        op.execute(
            "CREATE INDEX search_documents_by_term ON search_documents"
            " USING gin (array_to_tsvector(string_to_array(terms, ' ')))"
        )
