"""Flaws of the kind a server must not have, each a line patched into ours, and the threat whose attack must tell.

A file for each group of the catalogue, as the attacks have; a new one is found by itself.
"""

from importlib import import_module
from pkgutil import iter_modules

from threat_flaws.flaw import FLAWS, PAGE_FLAWS, Flaw

__all__ = ["FLAWS", "PAGE_FLAWS", "Flaw"]

for _module in sorted(found.name for found in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")
