"""Which modules a page's module needs before it can run, so that the page can ask for all of them at once."""

import re
from pathlib import Path

_IMPORT = re.compile(r'^(?:import|export)\b[^;"]*"(\.{1,2}/[^"]+)";', re.MULTILINE)


def imported(module: Path, *, within: Path) -> list[str]:
    """The module and all that it imports, nearest first, as paths below `within`; not what it loads later."""
    found = [module.resolve()]
    for path in found:  # grows while it is gone through
        for name in _IMPORT.findall(path.read_text("utf-8")):
            if (other := (path.parent / name).resolve()) not in found:
                found.append(other)
    return [path.relative_to(within.resolve()).as_posix() for path in found]
