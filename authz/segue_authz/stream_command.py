"""`segue stream`: who hears of withdrawals by security events, if an operator sets it up for them."""

import argparse
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from segue.clock import now
from segue_storage.database import Database

from segue_authz.client_command import Rows
from segue_authz.delivery import may_be_notified
from segue_authz.domain.identifier import new
from segue_authz.domain.signal_stream import SUPPORTED, Method, Stream
from segue_authz.enrolment import NotAcceptable
from segue_authz.serving import read_secret
from segue_authz.settings import from_process
from segue_authz.stores.clients import Clients
from segue_authz.stores.signals import Signals
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.sealed import Sealing


def add_parsers(actions: Any) -> None:
    """Each of them has its `work`."""
    actions.add_parser("list", help="print all streams").set_defaults(work=_list)
    add = actions.add_parser("add", help="begin a client's stream: it polls, unless an address to push to is given")
    add.add_argument("--push", metavar="URL", help="where events go, such as https://tasks.example/signals")
    add.add_argument("--authorization", type=Path, metavar="FILE", help="the Authorization header that goes with them")
    add.set_defaults(work=_add)
    remove = actions.add_parser("remove", help="end a client's stream, with what is still to be told in it")
    remove.set_defaults(work=_remove)
    for each in (add, remove):
        each.add_argument("client_id")


async def _list(database: Database, _: argparse.Namespace) -> Rows:
    return [_row(stream) for stream in await Signals(database, secrets.token_bytes).streams()]


async def _add(database: Database, options: argparse.Namespace) -> Rows:
    client = await Clients(database).enabled(options.client_id)
    if client is None or "signals" not in client.services:
        raise NotAcceptable(f"there is no client {options.client_id} with the service signals")
    if options.push and not may_be_notified(options.push):
        raise NotAcceptable(f"{options.push} is no public https address")
    stream_id, method = new("str", secrets.token_bytes), Method.PUSH if options.push else Method.POLL
    stream = Stream(stream_id, client.client_id, client.audience, method, options.push, None, SUPPORTED, now(), now())
    if options.authorization:
        stream = replace(stream, endpoint_authorization=_sealed(options.authorization, stream_id))
    if not await Signals(database, secrets.token_bytes).add(stream):
        raise NotAcceptable(f"{options.client_id} has a stream already")
    return [_row(stream)]


async def _remove(database: Database, options: argparse.Namespace) -> Rows:
    signals = Signals(database, secrets.token_bytes)
    stream = await signals.stream(options.client_id)
    if stream is None or not await signals.remove(stream):
        raise NotAcceptable(f"{options.client_id} has no stream")
    return [_row(stream) | {"status": "removed"}]


def _sealed(file: Path, stream_id: str) -> str:
    """Raises `NotAcceptable`."""
    try:
        value = file.read_text("ascii").strip()
    except (OSError, ValueError) as wrong:
        raise NotAcceptable(f"{file} cannot be read: {wrong}") from wrong
    if not value or not value.isprintable():
        raise NotAcceptable(f"{file} does not hold one line")
    sealing = Sealing(Derivation(read_secret(from_process().secret)), secrets.token_bytes)
    return sealing.seal(value, row=stream_id)


def _row(stream: Stream) -> dict[str, Any]:
    return {
        "client_id": stream.client_id,
        "stream_id": stream.stream_id,
        "delivery": stream.endpoint_url or "poll",
        "status": stream.status.value,
    }
