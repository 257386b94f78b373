"""A server package with nothing but migrations, written for one test."""

import importlib
import sys
from pathlib import Path
from textwrap import dedent

NAME = "throwaway_server"


class ThrowawayPackage:
    """A package that can be imported while `folder` is on the path."""

    def __init__(self, folder: Path) -> None:
        self._versions = folder / NAME / "migrations" / "versions"
        self._versions.mkdir(parents=True)
        (folder / NAME / "__init__.py").write_text("")
        self._newest: str | None = None
        sys.modules.pop(NAME, None)
        importlib.invalidate_caches()

    def add_revision(self, number: str, body: str, *, expands: bool = False) -> None:
        """Add a revision on top of the newest; `body` is what its `upgrade` does, `expands` what it promises."""
        lines = [
            "import sqlalchemy as sa",
            "from alembic import op",
            f"revision = {number!r}",
            f"down_revision = {self._newest!r}",
            *(["expands = True"] if expands else []),
            "def upgrade():",
            *(f"    {line}" for line in dedent(body).strip().splitlines()),
        ]
        (self._versions / f"{number}_revision.py").write_text("\n".join(lines))
        self._newest = number

    def forget_revision(self, number: str) -> None:
        """Be an older release again."""
        (self._versions / f"{number}_revision.py").unlink()
        self._newest = f"{int(number) - 1:04}"
