"""Files of a task."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _artifacts()
    _artifact_versions()
    _blobs()
    _blob_parts()


def _task(*, primary_key: bool) -> sa.Column[str]:
    return sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=primary_key, nullable=False)


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        _task(primary_key=True),
        sa.Column("artifact_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("read_first", sa.Boolean, nullable=False),
        sa.Column("held_by", sa.Text),
    )


def _artifact_versions() -> None:
    op.create_table(
        "artifact_versions",
        _task(primary_key=True),
        sa.Column("artifact_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("device_id", sa.Text),
        sa.Column("read_first", sa.Boolean, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("blob_id", sa.Text),
        sa.Column("key_no", sa.Integer),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_index("artifact_versions_by_seq", "artifact_versions", ["task_id", "artifact_id", "seq"])
    op.create_index("artifact_versions_by_blob", "artifact_versions", ["blob_id"])


def _blobs() -> None:
    op.create_table(
        "blobs",
        sa.Column("blob_id", sa.Text, primary_key=True),
        _task(primary_key=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("touched_at", sa.BigInteger, nullable=False),
        sa.Column("content_tag", sa.Text),
        sa.Column("key_no", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("blobs_by_task", "blobs", ["task_id", "sub"])
    op.create_index("blobs_by_content", "blobs", ["task_id", "content_tag"])
    op.create_index("blobs_by_age", "blobs", ["state", "touched_at"])


def _blob_parts() -> None:
    op.create_table(
        "blob_parts",
        sa.Column("part_id", sa.Text, primary_key=True),
        sa.Column("blob_id", sa.Text, sa.ForeignKey("blobs.blob_id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    op.create_index("blob_parts_by_blob", "blob_parts", ["blob_id", "start"])
    op.create_index("blob_parts_by_age", "blob_parts", ["state", "made_at"])
