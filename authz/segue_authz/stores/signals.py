"""Streams of security events and what is told in them: at least once, whatever crashes (A15).

Nothing that ends a grant has to know of streams: what has ended is found in the tables and written down once for each
stream, and looked for again from before the last look on, because whoever ends a grant may commit later than its time
says. A signal stays due until its receiver has acknowledged it, or until nothing it is about can be alive any more.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.identifier import Random, new
from segue_authz.domain.policy import DAY
from segue_authz.domain.signal_stream import SESSION_REVOKED, VERIFICATION, Method, Signal, Status, Stream
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.tables import clients, signal_streams, signals
from segue_authz.stores.withdrawals import ended_since

LOOK_BACK = 600
"""Seconds before the last look from which on is looked again: clocks may differ so much, and commits come so late."""
KEEP = 7 * DAY
"""Seconds after which a signal that never arrived is given up; what it withdraws has long expired."""
PAUSES = (1, 2, 5, 15, 60)
"""Seconds from each attempt of a push to the next; the last one for all that follow."""
AT_ONCE = 16
VERIFY_EVERY = 5
"""Seconds between two verifications that a receiver may ask for (SSF section 8.1.1, `min_verification_interval`)."""


class Signals:
    def __init__(self, database: Database, random: Random) -> None:
        self._database = database
        self._random = random

    async def add(self, stream: Stream) -> bool:
        """False if the client has a stream already."""
        values = _values(stream) | {"verified_at": 0}
        return await self._database.write(lambda connection: insert_if_absent(connection, signal_streams, values))

    async def stream(self, client_id: str) -> Stream | None:
        """The client's, if it has one."""
        return await self._database.read(lambda connection: _stream(connection, client_id))

    async def streams(self) -> list[Stream]:
        """Everybody's, by client."""
        wanted = _with_client().order_by(signal_streams.c.client_id)
        return await self._database.read(lambda connection: [_read(row) for row in connection.execute(wanted)])

    async def change(self, stream: Stream) -> bool:
        """Write what the receiver asks for and how; its state is another matter. False if the stream is gone."""
        asked = ("method", "endpoint_url", "endpoint_authorization", "events", "description")
        values = {name: value for name, value in _values(stream).items() if name in asked}
        own = signal_streams.update().where(signal_streams.c.stream_id == stream.stream_id)
        return await self._database.write(lambda connection: connection.execute(own.values(values)).rowcount == 1)

    async def set_status(self, stream: Stream, status: Status, *, reason: str | None, now: int) -> bool:
        """What happens while it is disabled is not told later. False if another change came first."""
        unchanged = signal_streams.c.stream_id == stream.stream_id, signal_streams.c.status == stream.status

        def work(connection: sa.Connection) -> bool:
            values: dict[str, Any] = {"status": status, "reason": reason}
            if stream.status is Status.DISABLED:
                values["begins_at"] = now
            if connection.execute(signal_streams.update().where(*unchanged).values(values)).rowcount == 0:
                return False
            if status is Status.DISABLED:
                connection.execute(signals.update().where(_of(stream)).values(due_at=None))
            return True

        return await self._database.write(work)

    async def remove(self, stream: Stream) -> bool:
        """With all that is still to be told in it."""

        def work(connection: sa.Connection) -> bool:
            connection.execute(signals.delete().where(_of(stream)))
            own = signal_streams.delete().where(signal_streams.c.stream_id == stream.stream_id)
            return connection.execute(own).rowcount == 1

        return await self._database.write(work)

    async def verify(self, stream: Stream, *, state: str | None, now: int) -> bool:
        """Tell the receiver that the stream works (SSF section 8.1.4). False if it asked for that just now."""

        def work(connection: sa.Connection) -> bool:
            rested = signal_streams.c.stream_id == stream.stream_id, signal_streams.c.verified_at <= now - VERIFY_EVERY
            if connection.execute(signal_streams.update().where(*rested).values(verified_at=now)).rowcount == 0:
                return False
            connection.execute(signals.insert().values(self._due(stream, VERIFICATION, at=now, now=now, state=state)))
            return True

        return await self._database.write(work)

    async def gather(self, *, now: int) -> int:
        """Write down what has ended and is not on record yet; how many signals there are of it."""
        found = await self._database.read(lambda connection: _unrecorded(connection, now=now))
        if not found:
            return 0
        return await self._database.write(lambda connection: self._record(connection, now=now))

    def _record(self, connection: sa.Connection, *, now: int) -> int:
        recorded = 0
        for stream, ended in _unrecorded(connection, now=now):
            for row in ended:
                about = {"grant_id": row.grant_id, "subject": row.subject}
                values = self._due(stream, SESSION_REVOKED, at=row.ended_at, now=now, **about)
                recorded += insert_if_absent(connection, signals, values)
            own = signal_streams.update().where(signal_streams.c.stream_id == stream.stream_id)
            connection.execute(own.values(gathered_at=now))
            connection.execute(signals.delete().where(_of(stream), signals.c.happened_at < now - KEEP))
        return recorded

    def _due(self, stream: Stream, event: str, *, at: int, now: int, **about: str | None) -> dict[str, Any]:
        written = {"jti": new("sig", self._random), "stream_id": stream.stream_id, "event": event, "happened_at": at}
        return written | about | {"due_at": now, "attempts": 0}

    async def take(self, *, now: int) -> list[tuple[Stream, Signal]]:
        """Some to push: this caller's, until each is due again."""
        if not await self._database.read(lambda connection: connection.execute(_to_push(now).limit(1)).first()):
            return []
        return await self._database.write(lambda connection: _take(connection, now=now))

    async def waiting(self, stream: Stream, *, most: int) -> list[Signal]:
        """The oldest that the receiver has not acknowledged; none while the stream is not enabled."""
        enabled = sa.exists().where(
            signal_streams.c.stream_id == stream.stream_id, signal_streams.c.status == Status.ENABLED
        )
        due = sa.select(signals).where(_of(stream), signals.c.due_at.is_not(None), enabled)
        ordered = due.order_by(signals.c.happened_at, signals.c.jti).limit(most)
        return await self._database.read(lambda connection: [_signal(row) for row in connection.execute(ordered)])

    async def acknowledge(self, stream: Stream, jtis: list[str]) -> None:
        """They have arrived: they are not told again. Those of other streams stay as they are."""
        arrived = signals.update().where(_of(stream), signals.c.jti.in_(jtis)).values(due_at=None)
        await self._database.write(lambda connection: connection.execute(arrived).rowcount)


Rows = Sequence[Any]


def _unrecorded(connection: sa.Connection, *, now: int) -> list[tuple[Stream, Rows]]:
    """For each stream that is not disabled what is new, and also the streams that nobody has looked at for long."""
    found = []
    for stream in _told(connection):
        known = sa.select(signals.c.grant_id).where(_of(stream), signals.c.grant_id.is_not(None))
        since = max(stream.gathered_at - LOOK_BACK, stream.begins_at - 1)
        ended = ended_since(since, now=now)
        news = sa.select(ended.c.grant_id, ended.c.subject, ended.c.ended_at).where(ended.c.grant_id.not_in(known))
        if stream.resource is not None:
            news = news.where(sa.or_(ended.c.resource.is_(None), ended.c.resource == stream.resource))
        rows: Rows = connection.execute(news).all() if SESSION_REVOKED in stream.events else ()
        if rows or stream.gathered_at < now - LOOK_BACK // 2:
            found.append((stream, rows))
    return found


def _told(connection: sa.Connection) -> list[Stream]:
    """Those whose receivers are to hear."""
    wanted = _with_client().where(signal_streams.c.status != Status.DISABLED, clients.c.disabled_at.is_(None))
    return [_read(row) for row in connection.execute(wanted.order_by(signal_streams.c.stream_id))]


def _to_push(now: int) -> sa.Select[Any]:
    return (
        _with_client(signals)
        .join(signals, signals.c.stream_id == signal_streams.c.stream_id)
        .where(
            signal_streams.c.method == Method.PUSH,
            signal_streams.c.status == Status.ENABLED,
            clients.c.disabled_at.is_(None),
            signals.c.due_at <= now,
        )
        .order_by(signals.c.due_at, signals.c.jti)
    )


def _take(connection: sa.Connection, *, now: int) -> list[tuple[Stream, Signal]]:
    taken = []
    locked = _to_push(now).limit(AT_ONCE).with_for_update(of=signals, skip_locked=True)
    for row in connection.execute(locked).all():
        again = {"attempts": row.attempts + 1, "due_at": now + PAUSES[min(row.attempts, len(PAUSES) - 1)]}
        connection.execute(signals.update().where(signals.c.jti == row.jti).values(again))
        taken.append((_read(row), _signal(row)))
    return taken


def _of(stream: Stream) -> sa.ColumnElement[bool]:
    return signals.c.stream_id == stream.stream_id


def _with_client(*further: sa.Table) -> sa.Select[Any]:
    resource = clients.c.audience.label("resource")
    columns = [column for table in further for column in table.columns if column.name != "stream_id"]
    return (
        sa.select(signal_streams, resource, *columns)
        .select_from(signal_streams)
        .join(clients, clients.c.client_id == signal_streams.c.client_id)
    )


def _stream(connection: sa.Connection, client_id: str) -> Stream | None:
    row = connection.execute(_with_client().where(signal_streams.c.client_id == client_id)).one_or_none()
    return None if row is None else _read(row)


def _read(row: sa.Row[Any]) -> Stream:
    return Stream(
        stream_id=row.stream_id,
        client_id=row.client_id,
        resource=row.resource,
        method=Method(row.method),
        endpoint_url=row.endpoint_url,
        endpoint_authorization=row.endpoint_authorization,
        events=tuple(row.events),
        begins_at=row.begins_at,
        gathered_at=row.gathered_at,
        description=row.description,
        status=Status(row.status),
        reason=row.reason,
    )


def _values(stream: Stream) -> dict[str, Any]:
    values = asdict(stream)
    del values["resource"]
    return values | {"events": list(stream.events)}


def _signal(row: sa.Row[Any]) -> Signal:
    return Signal(row.jti, row.stream_id, row.event, row.happened_at, row.grant_id, row.subject, row.state)
