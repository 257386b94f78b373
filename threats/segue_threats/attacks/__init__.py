"""The attacks, one file for each group of the catalogue. A new file here is found without being listed anywhere."""

import importlib
import pkgutil

from segue_threats.attack import Attack, registered


def every() -> list[Attack]:
    """All attacks, by threat."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return registered()
