"""`segue user` and `segue client`: enrol people and applications."""

import argparse
import asyncio
import getpass
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from segue.authority import ACTIONS
from segue.clock import now
from segue_storage.database import Database, open_database
from segue_storage.migrations import SchemaAhead, SchemaBehind
from segue_storage.setting import BadSetting

from segue_authz import client_command, stream_command, user_command
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.backchannel import DELIVERY_MODES
from segue_authz.domain.client import SERVICES, Client, Method
from segue_authz.domain.policy import ERASING
from segue_authz.enrolment import NotAcceptable, add_client, add_user
from segue_authz.serving import prepare_tables
from segue_authz.settings import from_process
from segue_authz.stores.accounts import AccountExists, Accounts
from segue_authz.stores.clients import ClientExists, Clients


def user(argv: list[str]) -> int:
    """Add, show, disable, enable or delete a person who can sign in, or let them back in."""
    parser = argparse.ArgumentParser(prog="segue user", description=user.__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="add a person; the password is asked for, or read from standard input")
    add.add_argument("username")
    add.add_argument("--name", default="", help="the name shown on the pages (default: the user name)")
    for action in ("disable", "enable"):
        actions.add_parser(action, help=f"{action} an account").add_argument("username")
    delete = actions.add_parser(
        "delete",
        help="delete an account for good",
        description="Disable the account for good, end its access everywhere, and forget its names and password.",
    )
    delete.add_argument("username")
    user_command.add_parsers(actions)
    _json_option(*actions.choices.values())
    options = parser.parse_args(argv)
    if "work" in options:
        return _run(options, options.work)
    return _run(options, _add_user if options.action == "add" else _switch_user)


def client(argv: list[str]) -> int:
    """Add, review, disable or remove an application, or let some register themselves."""
    parser = argparse.ArgumentParser(prog="segue client", description=client.__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="register a client: a public one, unless it gets a secret or has keys")
    add.add_argument("client_id")
    add.add_argument("--name", required=True, help="the name shown on the pages")
    add.add_argument("--redirect-uri", action="append", default=[], help="where authorization answers go; repeatable")
    add.add_argument(
        "--consumption-uri", action="append", default=[], help="page that takes a transfer over; repeatable"
    )
    usual = " ".join(sorted(ACTIONS - ERASING))
    add.add_argument("--actions", default=usual, help="what it may ask for (default: everything but task:erase)")
    proof = add.add_mutually_exclusive_group()
    proof.add_argument("--secret", action="store_true", help="make a secret, print it once (client_secret_basic)")
    proof.add_argument("--jwks", type=Path, metavar="FILE", help="its public keys as a JWK set (private_key_jwt)")
    add.add_argument("--exchange-actions", default="", help="what it may get for a task token that was sent to it")
    add.add_argument(
        "--exchange-audience", action="append", default=[], metavar="URL", help="at which resource server; repeatable"
    )
    add.add_argument("--services", default="", help=f"what it may ask of this server as itself: {', '.join(SERVICES)}")
    add.add_argument("--audience", metavar="URL", help="a resource server, which may introspect tokens for it")
    add.add_argument("--backchannel", choices=DELIVERY_MODES, help="it may ask people by the backchannel (CIBA)")
    add.add_argument("--notification-endpoint", metavar="URL", help="where a client that is pinged hears of decisions")
    add.add_argument(
        "--user-code", action="store_true", help="it asks people for the code by which apps may reach them, always"
    )
    for action in ("disable", "enable"):
        actions.add_parser(action, help=f"{action} a client").add_argument("client_id")
    client_command.add_parsers(actions)
    add.add_argument("--must-sign-requests", action="store_true", help="it asks by signed request objects alone")
    _json_option(*actions.choices.values())
    options = parser.parse_args(argv)
    if "work" in options:
        return _run(options, options.work)
    return _run(options, _add_client if options.action == "add" else _switch_client)


def stream(argv: list[str]) -> int:
    """Begin, list or end the streams of security events by which servers hear of withdrawals."""
    parser = argparse.ArgumentParser(prog="segue stream", description=stream.__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    stream_command.add_parsers(actions)
    _json_option(*actions.choices.values())
    options = parser.parse_args(argv)
    return _run(options, options.work)


async def _add_user(database: Database, options: argparse.Namespace) -> dict[str, str]:
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    subject = await add_user(
        database, username=options.username, password=password, name=options.name, random=secrets.token_bytes
    )
    return {"subject": subject, "username": options.username}


async def _switch_user(database: Database, options: argparse.Namespace) -> dict[str, str]:
    accounts = Accounts(database)
    account = await accounts.by_username(options.username)
    if account is None:
        raise NotAcceptable(f"there is no user {options.username}")
    if options.action == "enable":
        await accounts.enable(account.subject)
    elif options.action == "delete":
        await accounts.delete(account.subject, now=now())
    else:
        await accounts.disable(account.subject, now=now())
    return {"subject": account.subject, "state": f"{options.action}d"}


async def _add_client(database: Database, options: argparse.Namespace) -> dict[str, str]:
    secret = secrets.token_urlsafe(32) if options.secret else None
    jwks = _jwks(options.jwks) if options.jwks else ()
    registered = Client(
        client_id=options.client_id,
        name=options.name,
        actions=frozenset(options.actions.split()),
        redirect_uris=tuple(options.redirect_uri),
        consumption_uris=tuple(options.consumption_uri),
        method=Method.CLIENT_SECRET_BASIC if secret else Method.PRIVATE_KEY_JWT if jwks else Method.NONE,
        secret_digest=digest(secret) if secret else None,
        jwks=jwks,
        audience=options.audience,
        backchannel_token_delivery_mode=options.backchannel,
        backchannel_client_notification_endpoint=options.notification_endpoint,
        backchannel_user_code_parameter=options.user_code,
        services=frozenset(options.services.split()),
        exchange_actions=frozenset(options.exchange_actions.split()),
        exchange_audiences=tuple(options.exchange_audience),
        require_signed_request_object=options.must_sign_requests,
    )
    await add_client(database, registered)
    return {"client_id": registered.client_id} | ({"client_secret": secret} if secret else {})


def _jwks(file: Path) -> tuple[dict[str, Any], ...]:
    """The keys of a JWK set (RFC 7517 section 5). Raises `NotAcceptable`."""
    try:
        keys = json.loads(file.read_bytes())["keys"]
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise NotAcceptable(f"{file} does not hold a JWK set: {wrong}") from wrong
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise NotAcceptable(f"{file} does not hold a JWK set")
    return tuple(keys)


async def _switch_client(database: Database, options: argparse.Namespace) -> dict[str, str]:
    clients = Clients(database)
    if not await clients.exists(options.client_id):
        raise NotAcceptable(f"there is no client {options.client_id}")
    if options.action == "enable":
        await clients.enable(options.client_id)
    else:
        await clients.disable(options.client_id, now=now())
    return {"client_id": options.client_id, "state": f"{options.action}d"}


Told = dict[str, Any] | client_command.Rows


def _run(options: argparse.Namespace, work: Callable[[Database, argparse.Namespace], Awaitable[Told]]) -> int:
    async def with_database() -> Told:
        database = open_database(settings.database)
        try:
            return await work(database, options)
        finally:
            await database.aclose()

    try:
        settings = from_process()
        prepare_tables(settings)
        result = asyncio.run(with_database())
    except (AccountExists, ClientExists) as taken:
        return _failed(f"{taken} exists already")
    except (NotAcceptable, BadSetting, SchemaAhead, SchemaBehind) as fault:
        return _failed(str(fault))
    print(json.dumps(result) if options.json else "\n".join(_line(row) for row in _rows(result)))
    return 0


def _rows(result: Told) -> client_command.Rows:
    return result if isinstance(result, list) else [dict(result)]


def _line(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in row.items())


def _failed(text: str) -> int:
    print(f"segue: {text}", file=sys.stderr)
    return 1


def _json_option(*parsers: argparse.ArgumentParser) -> None:
    for parser in parsers:
        parser.add_argument("--json", action="store_true", help="print for programs")
