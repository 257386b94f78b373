"""One line of log for each request: its route, its answer, how long it took, and the ids that are known.

Nothing of a path, a query, a header, a body or a token is in it.
"""

import logging
from collections.abc import Mapping
from typing import Any

_QUIET = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds by machines: a line only when the answer is not 200."""
_log = logging.getLogger(__name__)


def tell(members: Mapping[str, Any], *, method: str, status: int, milliseconds: int) -> None:
    """`status` 0: the client left, or the server failed, before there was an answer."""
    if status == 200 and members.get("route") in _QUIET:
        return
    if not _log.isEnabledFor(logging.INFO):
        return
    told = {**members, "method": method, "status": status, "milliseconds": milliseconds}
    line = " ".join([f"{name}={value}" for name, value in told.items() if value is not None])
    extra = {"event": "request", "members": told}
    record = _log.makeRecord(_log.name, logging.INFO, __file__, 0, line, (), None, extra=extra)
    _log.handle(record)  # whence it is logged is known, and looking for that costs as much as the rest
