"""What the servers log is one line for one event, whatever a caller has sent."""

import json
import logging
import sys

import pytest
from segue_storage.logs import JsonFormatter, PlainFormatter, configuration

HOSTILE = 'two\r\nlines \x1b[2J \x00 \u2028 \u202e "} {"level": "critical"'

pytestmark = pytest.mark.requirement("XD-OPS-01")


def record(message: str, *, failed: bool = False) -> logging.LogRecord:
    return logging.LogRecord("segue", logging.INFO, __file__, 1, "%s", (message,), sys.exc_info() if failed else None)


@pytest.mark.parametrize("formatter", [PlainFormatter(), JsonFormatter()])
def test_a_caller_ends_no_line_and_commands_no_terminal(formatter: logging.Formatter) -> None:
    line = formatter.format(record(HOSTILE))
    assert line.isprintable()
    assert r"two\r\nlines \x1b[2J" in line.replace("\\u001b", "\\x1b")


def test_a_record_for_programs_tells_what_was_sent() -> None:
    assert json.loads(JsonFormatter().format(record(HOSTILE)))["message"] == HOSTILE


def test_the_traceback_of_a_failure_looks_like_no_other_event() -> None:
    try:
        raise ValueError("x\n2026-01-01 00:00:00,000 INFO segue forged\x1b[2J")
    except ValueError:
        first, *rest = PlainFormatter().format(record("it failed", failed=True)).split("\n")
    assert first.endswith("it failed")
    assert rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


@pytest.mark.parametrize(("style", "kind"), [("plain", PlainFormatter), ("json", JsonFormatter)])
def test_the_servers_log_by_these(style: str, kind: type[logging.Formatter]) -> None:
    chosen = configuration(style)["formatters"]["chosen"]["()"]  # type: ignore[arg-type]
    assert chosen == f"{kind.__module__}.{kind.__qualname__}"
