"""What a browser keeps when it goes on under another session: what it may decide, has decided, and is told."""

import sqlalchemy as sa

from segue_authz.stores.tables import arrivals, push_subscriptions, transfers

_UNDECIDED = ("Requested", "Offered", "Claimed", "Approved")


def hand_over(connection: sa.Connection, before: str, after: str, *, subject: str) -> int:
    """Reserve for the session `after` what was reserved for `before`; how many. Each changes, so its version rises.

    It is notified as before, and not of what it decided itself.
    """
    told = push_subscriptions.c.session_id == before, push_subscriptions.c.subject == subject
    connection.execute(push_subscriptions.update().where(*told).values(session_id=after))
    own = arrivals.c.subject == subject, arrivals.c.decided_in == before
    connection.execute(arrivals.update().where(*own).values(decided_in=after))
    reserved = transfers.c.subject == subject, transfers.c.opened_by == before, transfers.c.state.in_(_UNDECIDED)
    statement = transfers.update().where(*reserved).values(opened_by=after, version=transfers.c.version + 1)
    return connection.execute(statement).rowcount
