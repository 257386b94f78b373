"""A release after this one: both servers with a further revision, written for one test."""

import shutil
from importlib.util import find_spec
from pathlib import Path

_REVISION = '''"""A further revision."""

import sqlalchemy as sa
from alembic import op

revision = "{number:04}"
down_revision = "{before:04}"
{promise}


def upgrade() -> None:
    op.add_column("{table}", sa.Column("{column}", sa.Text, nullable=True))
'''


def newer_release(folder: Path, tables: dict[str, str], *, column: str, expands: bool) -> Path:
    """What to put before all else on the path of a process, so that it is of that release.

    `tables` names for each package one that gets a column, which this release writes; `expands` is what its revision
    promises. In the folder of another such release it is the one after that.
    """
    for package, table in tables.items():
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        copied = folder / package
        shutil.copytree(Path(spec.origin).parent, copied, dirs_exist_ok=True)
        _add_revision(copied, table, column, expands=expands)
        with (copied / "stores" / "tables.py").open("a") as file:
            file.write(f'\n{table}.append_column(sa.Column("{column}", sa.Text, nullable=True, default="newer"))\n')
    return folder


def _add_revision(package: Path, table: str, column: str, *, expands: bool) -> None:
    versions = package / "migrations" / "versions"
    before = max(int(file.name[:4]) for file in versions.glob("[0-9]*.py"))
    promise = "expands = True" if expands else ""
    text = _REVISION.format(number=before + 1, before=before, promise=promise, table=table, column=column)
    (versions / f"{before + 1:04}_further.py").write_text(text)
