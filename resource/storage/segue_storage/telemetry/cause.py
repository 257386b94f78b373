"""Why a database could not do its work, in a few words: what an operator does next depends on it."""

from segue_storage.failure import DatabaseUnavailable, WriteInDoubt

CAUSES = ("connections", "disk-full", "in-doubt", "locked", "other", "read-only", "slow", "unreachable")

_SQLSTATES = {
    "25006": "read-only",  # a standby, where a primary was expected
    "53100": "disk-full",
    "53300": "connections",
    "55P03": "locked",
    "57014": "slow",
    "57P01": "unreachable",
    "57P02": "unreachable",
    "57P03": "unreachable",
}
_SQLITE = {"SQLITE_FULL": "disk-full", "SQLITE_BUSY": "locked", "SQLITE_READONLY": "read-only"}
_SLOTS = ("too many clients", "connection slots")
"""PostgreSQL's words for 53300, which the driver tells without its code when it happens on connecting."""


def cause_of(failure: DatabaseUnavailable) -> str:
    """One of `CAUSES`."""
    if isinstance(failure, WriteInDoubt):
        return "in-doubt"
    if isinstance(failure.__cause__, TimeoutError):
        return "slow"
    found: BaseException | None = failure.__cause__
    while found is not None:
        known = _SQLSTATES.get(getattr(found, "sqlstate", None) or "")
        known = known or _SQLITE.get(getattr(found, "sqlite_errorname", ""))
        if known is not None:
            return known
        if any(word in str(found) for word in _SLOTS):
            return "connections"
        if type(found).__name__ == "OperationalError" and type(found).__module__.startswith("psycopg"):
            return "unreachable"
        found = getattr(found, "orig", None) or found.__cause__
    return "other"
