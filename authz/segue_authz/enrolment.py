"""Adding people and clients, for the commands and for those who start the server from Python."""

import unicodedata
from typing import Any

import jwt
from segue.authority import ACTIONS
from segue_storage.database import Database

from segue_authz.client_auth.assertion import ALGORITHMS
from segue_authz.domain.account import Account
from segue_authz.domain.client import Client, Method, acceptable_uri
from segue_authz.domain.identifier import Random, new
from segue_authz.password import hash_password
from segue_authz.stores.accounts import Accounts
from segue_authz.stores.clients import Clients

LEAST_PASSWORD_LENGTH = 8


class NotAcceptable(Exception):
    """What was asked for breaks a rule; the message says which."""


def canonical_username(username: str) -> str:
    """One spelling per person: NFKC, lower case, no space around."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


async def add_user(database: Database, *, username: str, password: str, name: str, random: Random) -> str:
    """Add a person; answer the subject. Raises `NotAcceptable` and `AccountExists`."""
    canonical = canonical_username(username)
    if not canonical or len(canonical) > 100:
        raise NotAcceptable("a username has 1 to 100 characters")
    if not LEAST_PASSWORD_LENGTH <= len(password) <= 1000:
        raise NotAcceptable(f"a password has {LEAST_PASSWORD_LENGTH} to 1000 characters")
    account = Account(new("usr", random), canonical, name or username, hash_password(password))
    await Accounts(database).add(account)
    return account.subject


def _require_public(jwk: dict[str, Any]) -> None:
    try:
        key = jwt.PyJWK(jwk)
    except (jwt.PyJWTError, ValueError) as wrong:
        raise NotAcceptable(f"a key cannot be read: {wrong}") from wrong
    if "d" in jwk or key.algorithm_name not in ALGORITHMS:
        raise NotAcceptable(f"keys are public ones for {', '.join(ALGORITHMS)}")


async def add_client(database: Database, client: Client) -> None:
    """Register a client. Raises `NotAcceptable` and `ClientExists`."""
    for uri in client.redirect_uris + client.consumption_uris:
        if not acceptable_uri(uri):
            raise NotAcceptable(f"{uri} is neither https nor a loopback address, or has a fragment")
    if not client.actions or not client.actions <= ACTIONS:
        raise NotAcceptable(f"actions are some of: {', '.join(sorted(ACTIONS))}")
    if not (client.redirect_uris or client.consumption_uris or client.audience):
        raise NotAcceptable("a client needs a redirect URI, a consumption URI, or the audience of a resource server")
    if client.audience and (client.method is Method.NONE or not acceptable_uri(client.audience)):
        raise NotAcceptable("a resource server has an https address as its audience, and a secret or a key")
    for jwk in client.jwks:
        _require_public(jwk)
    await Clients(database).add(client)
