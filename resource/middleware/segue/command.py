"""The `segue` command. Each installed part adds its subcommands through the entry point group `segue.commands`."""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version

GROUP = "segue.commands"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand: it gets the words after its name and returns the exit status. 2 if there is no such one."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands = {point.name: point for point in entry_points(group=GROUP)}
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview(commands))
        return 0
    if words[0] == "--version":
        print(f"segue {version('segue')}")
        return 0
    if words[0] not in commands:
        print(_unknown(words[0], commands), file=sys.stderr)
        return 2
    try:
        status = int(commands[words[0]].load()(words[1:]) or 0)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read what is printed has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as the shell says of a program that SIGPIPE has ended
    return status


def _overview(commands: dict[str, EntryPoint]) -> str:
    width = max(map(len, commands), default=0)
    lines = [f"  {name:{width}}  {_first_line(commands[name])}" for name in sorted(commands)]
    return "\n".join(["usage: segue COMMAND [ARGUMENT ...]", "       segue --version", "", *lines])


def _first_line(point: EntryPoint) -> str:
    """The help text of a subcommand; one that is broken must not hide the others."""
    try:
        documentation = point.load().__doc__ or ""
    except Exception as broken:
        return f"(cannot be loaded: {type(broken).__name__}: {broken})"
    return str(documentation).strip().partition("\n")[0]


def _unknown(word: str, commands: dict[str, EntryPoint]) -> str:
    near = difflib.get_close_matches(word, commands, n=1)
    hint = f" Did you mean `segue {near[0]}`?" if near else ""
    return f"segue: there is no command {word!r}.{hint} `segue --help` lists them."
