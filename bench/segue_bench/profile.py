"""Where the time of some work goes, as text for a report."""

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path


def profiled(work: Callable[[], object], *, lines: int = 15) -> str:
    """The functions with the most time of their own. The profiler itself makes small ones look larger than they are."""
    profile = cProfile.Profile()
    profile.runcall(work)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # documented by its use in pstats alone
    total = sum(own for _, _, own, _, _ in stats.values()) or 1
    first = sorted(stats.items(), key=lambda entry: -entry[1][2])[:lines]
    return "\n".join(f"{100 * own / total:5.1f} %  {_name(*where)}" for where, (_, _, own, _, _) in first)


def _name(file: str, line: int, function: str) -> str:
    """Without the folder that a file lies in."""
    return function if file.startswith("~") else f"{Path(file).name}:{line} {function}"
