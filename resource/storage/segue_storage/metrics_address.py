"""Where the metrics are served: a host, and a port for each process of this machine."""

import re
from dataclasses import dataclass

from .setting import BadSetting

_FORM = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class MetricsAddress:
    host: str
    ports: range

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        last = "" if len(self.ports) == 1 else f"-{self.ports[-1]}"
        return f"{host}:{self.ports[0]}{last}"


def parse_metrics_address(name: str, value: str) -> MetricsAddress | None:
    """None for none. Raises `BadSetting`."""
    if not value:
        return None
    found = _FORM.fullmatch(value)
    first, last = (int(found[2]), int(found[3] or found[2])) if found else (0, 0)
    if found is None or not 0 <= first <= last < 2**16:
        raise BadSetting(f"{name} is {value!r}; it must be an address such as 127.0.0.1:9464 or 127.0.0.1:9464-9467")
    return MetricsAddress(found[1].strip("[]"), range(first, last + 1))
