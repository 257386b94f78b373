"""Writes the vectors: `python specs/vectors/make.py`; with `--check` it only compares.

Each case has the outcome that the profile demands and the rule that demands it. README.md says how to run them.
"""

import json
import sys
from pathlib import Path

from assertion_vectors import assertion_file
from proof_vectors import proof_file
from token_vectors import token_file

HERE = Path(__file__).resolve().parent
FILES = {"dpop-proofs.json": proof_file, "task-tokens.json": token_file, "client-assertions.json": assertion_file}


def main(argv: list[str]) -> int:
    stale = 0
    for name, content in FILES.items():
        text = json.dumps(content(), indent=1) + "\n"
        if argv != ["--check"]:
            (HERE / name).write_text(text)
        elif not (HERE / name).exists() or (HERE / name).read_text() != text:
            print(f"{name} is not what make.py writes", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
