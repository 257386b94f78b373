"""What was measured, written for people: as text, as Markdown, and as one HTML file with plots."""

import json
from pathlib import Path

from segue_bench.report import html, markdown
from segue_bench.report.content import Run
from segue_bench.report.plain import text

__all__ = ["text", "write"]


def write(run: Run, folder: Path) -> None:
    """`bench.md`, `bench.html` and `bench.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.md").write_text(markdown.render(run), "utf-8")
    (folder / "bench.html").write_text(html.render(run), "utf-8")
    (folder / "bench.json").write_text(json.dumps(run.document(), indent=1, ensure_ascii=False) + "\n", "utf-8")
