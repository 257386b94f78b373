"""Which promises a history breaks. Run it on a history that was kept: `python -m history.checker history.jsonl`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from history import answers, event_order, refresh_families, tool_calls, transfers, working_set
from history.operation import Operation, read_history
from history.reading import Reading
from history.violation import Violation

_PARTS = (transfers, refresh_families, event_order, working_set, tool_calls, answers)
RULES = {rule: says for part in _PARTS for rule, says in part.RULES.items()}


def violations(history: Sequence[Operation], reading: Reading) -> list[Violation]:
    """What is broken, with the operations that show it. A reading that is empty is not compared with."""
    return [violation for part in _PARTS for violation in part.broken(history, reading)]


if __name__ == "__main__":
    with Path(sys.argv[1]).open() as lines:
        found = violations(read_history(lines), Reading())
    print(*found, f"{len(found)} violations", sep="\n")
    sys.exit(bool(found))
