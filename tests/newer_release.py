"""A release after this one: both servers with a further revision, written for one test."""

import shutil
from importlib.util import find_spec
from pathlib import Path

COLUMN = 'op.add_column("{table}", sa.Column("{column}", sa.Text, nullable=True))'
_REVISION = '''"""A further revision."""

import sqlalchemy as sa
from alembic import op

revision = "{number:04}"
down_revision = "{before:04}"
{promise}


def upgrade() -> None:
    {body}
'''


def newer_release(folder: Path, tables: dict[str, str], *, column: str, body: str = COLUMN, expands: bool) -> Path:
    """What to put before all else on the path of a process, so that it is of that release.

    `tables` names for each package one that gets a column, which this release writes; `body` is what its revision does.
    """
    for package, table in tables.items():
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        copied = folder / package
        shutil.copytree(Path(spec.origin).parent, copied, dirs_exist_ok=True)
        add_revision(copied, body.format(table=table, column=column), expands=expands)
        with (copied / "stores" / "tables.py").open("a") as file:
            file.write(f'\n{table}.append_column(sa.Column("{column}", sa.Text, nullable=True, default="newer"))\n')
    return folder


def add_revision(package: Path, body: str, *, expands: bool) -> None:
    versions = package / "migrations" / "versions"
    before = max(int(file.name[:4]) for file in versions.glob("[0-9]*.py"))
    promise = "expands = True" if expands else ""
    text = _REVISION.format(number=before + 1, before=before, promise=promise, body=body)
    (versions / f"{before + 1:04}_further.py").write_text(text)
