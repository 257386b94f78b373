"""`segue client` beyond adding: what is registered, what an operator has reviewed, and who may register."""

import argparse
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from segue.authority import ACTIONS
from segue.clock import now
from segue_storage.database import Database

from segue_authz.client_auth.authenticator import digest
from segue_authz.client_metadata import SELF_SERVICE_ACTIONS
from segue_authz.domain.client import Client, Origin
from segue_authz.domain.identifier import new
from segue_authz.enrolment import NotAcceptable
from segue_authz.stores.clients import Clients
from segue_authz.stores.registrations import RegistrationInvitation, Registrations

Rows = list[dict[str, Any]]
Work = Callable[[Database, argparse.Namespace], Awaitable[Rows]]

MOST_USES, LONGEST_DAYS = 10_000, 365


def add_parsers(actions: Any) -> None:
    """Each of them has its `work`."""

    def action(name: str, work: Work, help_text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = actions.add_parser(name, help=help_text, description=work.__doc__)
        parser.set_defaults(work=work)
        return parser

    action("list", _list, "print all clients")
    for name, work, help_text in (
        ("show", _show, "print what a client is registered as"),
        ("remove", _remove, "remove a client for good, with all that it holds"),
    ):
        action(name, work, help_text).add_argument("client_id")
    review = action("review", _review, "answer for what a client says of itself")
    review.add_argument("client_id")
    review.add_argument(
        "--actions", help=f"what it may ask for from now on (default: {' '.join(sorted(SELF_SERVICE_ACTIONS))})"
    )
    invite = action("invite", _invite, "let clients register themselves: print an initial access token, once")
    invite.add_argument("--label", default="", help="for whom it is, for the list of invitations")
    invite.add_argument(
        "--uses", type=_number(MOST_USES), default=1, help="how many clients may register by it (default: 1)"
    )
    invite.add_argument("--days", type=_number(LONGEST_DAYS), default=7, help="how long it is good for (default: 7)")
    action("invitations", _invitations, "print the initial access tokens that were made, without the tokens")
    action("uninvite", _uninvite, "take an invitation back").add_argument("invitation_id")


def _number(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a whole number from 1 to {most}")
        return int(text)

    return number


async def _list(database: Database, _: argparse.Namespace) -> Rows:
    """Print all clients that were not removed, with where they come from and whether they may ask for anything now."""
    return [
        {"client_id": client.client_id, "name": client.name, "origin": client.origin.value, "state": _state(client)}
        for client in await Clients(database).all()
    ]


async def _show(database: Database, options: argparse.Namespace) -> Rows:
    """Print what a client is registered as. Secrets are not kept, so they are not shown."""
    client = await _found(database, options.client_id)
    told: dict[str, Any] = {"client_id": client.client_id, "state": _state(client)}
    told |= {"name": client.name, "origin": client.origin.value, "method": client.method.value}
    told |= {"actions": sorted(client.actions), "keys": [key.get("kid", "") for key in client.jwks]}
    for name in ("redirect_uris", "consumption_uris", "exchange_audiences"):
        told[name] = list(getattr(client, name))
    for name in ("exchange_actions", "services"):
        told[name] = sorted(getattr(client, name))
    for name in ("audience", "require_signed_request_object", "backchannel_token_delivery_mode"):
        told[name] = getattr(client, name)
    return [told]


async def _remove(database: Database, options: argparse.Namespace) -> Rows:
    """Remove a client for good: it is not known from now on, its tokens end, its secrets and addresses are forgotten.

    Its identifier stays taken.
    """
    client = await _found(database, options.client_id)
    await Clients(database).remove(client.client_id, now=now())
    return [{"client_id": client.client_id, "state": "removed"}]


async def _review(database: Database, options: argparse.Namespace) -> Rows:
    """Answer for what a client says of itself: its name is shown as known, and it may take part in transfers.

    A client that changes its name, addresses or keys afterwards has to be reviewed again.
    """
    client = await _found(database, options.client_id)
    if client.origin is Origin.OPERATOR:
        raise NotAcceptable(f"{client.client_id} did not register itself; there is nothing to review")
    actions = None if options.actions is None else frozenset(options.actions.split())
    if actions is not None and not (actions and actions <= ACTIONS):
        raise NotAcceptable(f"actions are some of: {', '.join(sorted(ACTIONS))}")
    if not await Clients(database).review(client.client_id, actions=actions, now=now()):
        raise NotAcceptable(f"there is no client {client.client_id}")
    return [{"client_id": client.client_id, "state": "reviewed"}]


async def _invite(database: Database, options: argparse.Namespace) -> Rows:
    """Make an initial access token (RFC 7591 section 3). It is printed once and kept as a digest."""
    token, at = secrets.token_urlsafe(32), now()
    invitation = RegistrationInvitation(
        new("inv", secrets.token_bytes), digest(token), options.label, options.uses, at, at + options.days * 86_400
    )
    await Registrations(database).invite(invitation)
    return [
        {
            "invitation_id": invitation.invitation_id,
            "initial_access_token": token,
            "uses": options.uses,
            "expires_at": invitation.expires_at,
        }
    ]


async def _invitations(database: Database, _: argparse.Namespace) -> Rows:
    """Print the invitations that were made, the newest first."""
    return [
        {name: value for name, value in vars(invitation).items() if name != "digest"}
        for invitation in await Registrations(database).invitations()
    ]


async def _uninvite(database: Database, options: argparse.Namespace) -> Rows:
    """Take an invitation back. Clients that registered by it stay; remove them by `segue client remove`."""
    if not await Registrations(database).uninvite(options.invitation_id):
        raise NotAcceptable(f"there is no open invitation {options.invitation_id}")
    return [{"invitation_id": options.invitation_id, "state": "taken back"}]


async def _found(database: Database, client_id: str) -> Client:
    client = await Clients(database).registered(client_id)
    if client is None:
        raise NotAcceptable(f"there is no client {client_id}")
    return client


def _state(client: Client) -> str:
    if not client.enabled:
        return "disabled"
    return "enabled" if client.verified else "not reviewed"
