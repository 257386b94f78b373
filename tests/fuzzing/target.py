"""One parser under atheris, its modules instrumented: `python -m fuzzing.target NAME MODULES CORPUS [options]`."""

import sys
from pathlib import Path

import atheris


def main(argv: list[str]) -> None:
    name, modules, corpus, *options = argv
    with atheris.instrument_imports(include=[module for module in modules.split(",") if module]):
        from fuzzing.table import PARSERS
    atheris.Setup([str(Path(__file__)), corpus, *options], PARSERS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
