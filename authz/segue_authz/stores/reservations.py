"""Whose browser may decide a transfer, when that browser goes on under another session."""

import sqlalchemy as sa

from segue_authz.stores.tables import transfers

_UNDECIDED = ("Requested", "Offered", "Claimed", "Approved")


def hand_over(connection: sa.Connection, before: str, after: str, *, subject: str) -> int:
    """Reserve for the session `after` what was reserved for `before`; how many. Each changes, so its version rises."""
    reserved = transfers.c.subject == subject, transfers.c.opened_by == before, transfers.c.state.in_(_UNDECIDED)
    statement = transfers.update().where(*reserved).values(opened_by=after, version=transfers.c.version + 1)
    return connection.execute(statement).rowcount
