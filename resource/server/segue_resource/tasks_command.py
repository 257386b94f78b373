"""`segue tasks`: what an operator does to the tasks that are stored."""

import argparse
from collections.abc import Sequence
from types import ModuleType

from segue_resource.operating import (
    conversations,
    erase,
    export,
    hold,
    keys,
    policy,
    rekey,
    restored,
    retain,
    sensitivity,
    stitches,
    usage,
    verify,
)

SUBCOMMANDS: Sequence[ModuleType] = (
    *(policy, sensitivity, retain, hold, erase, export, rekey, keys),
    *(restored, usage, conversations, stitches, verify),
)
"""Modules of `operating`, in the order of the help; each has `add(subcommands)`, which sets `run` to its function."""


def tasks(argv: list[str]) -> int:
    """Look after the tasks that are stored."""
    parser = argparse.ArgumentParser(prog="segue tasks", description=tasks.__doc__)
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in SUBCOMMANDS:
        module.add(subcommands)
    options = parser.parse_args(argv)
    return int(options.run(options))
