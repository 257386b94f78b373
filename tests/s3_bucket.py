"""A bucket at a server of other people that speaks S3: npm `s3rver`, set up in tests/s3rver."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npm_package import installed
from server_process import await_answer, binary, end, spawn

SOURCE = Path(__file__).parent / "s3rver"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER", "AWS_REGION": "us-east-1"}
BUCKET = "tasks"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Up and answering; gives its address. What it keeps is below `kept` in the folder, its log is `log`."""
    (folder / "kept").mkdir()
    command = [str(binary("node")), str(installed(SOURCE) / "server.mjs"), str(folder / "kept")]
    process = spawn(command, folder)
    try:
        await_answer(process, folder, lambda: _endpoint(folder) is not None)
        yield str(_endpoint(folder))
    finally:
        end(process, signal.SIGTERM)


def _endpoint(folder: Path) -> str | None:
    told = [line for line in (folder / "log").read_text().splitlines() if line.startswith("endpoint ")]
    return told[0].partition(" ")[2] if told else None
