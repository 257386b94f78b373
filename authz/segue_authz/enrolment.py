"""Adding people and clients, for the commands and for those who start the server from Python."""

import unicodedata
from typing import Any

import jwt
from segue.authority import ACTIONS
from segue_storage.database import Database

from segue_authz.client_auth.assertion import ALGORITHMS
from segue_authz.client_auth.small_order import has_small_order
from segue_authz.delivery import may_be_notified
from segue_authz.domain.account import Account
from segue_authz.domain.backchannel import DELIVERY_MODES
from segue_authz.domain.client import SERVICES, Client, Method, acceptable_uri
from segue_authz.domain.identifier import Random, new
from segue_authz.domain.policy import RESERVED
from segue_authz.password import hash_password
from segue_authz.stores.accounts import Accounts
from segue_authz.stores.clients import Clients

LEAST_PASSWORD_LENGTH = 8
MOST_PASSWORD_LENGTH = 1000
LEAST_RSA_BITS = 2048


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
    if not LEAST_PASSWORD_LENGTH <= len(password) <= MOST_PASSWORD_LENGTH:
        raise NotAcceptable(f"a password has {LEAST_PASSWORD_LENGTH} to {MOST_PASSWORD_LENGTH} characters")
    account = Account(new("usr", random), canonical, name or username, hash_password(password))
    await Accounts(database).add(account)
    return account.subject


def require_public(jwk: dict[str, Any]) -> None:
    """Raises `NotAcceptable` for anything but a public key that a client may sign with."""
    try:
        key = jwt.PyJWK(jwk)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as wrong:
        raise NotAcceptable(f"a key cannot be read: {wrong}") from wrong
    if "d" in jwk or jwk.get("crv") == "Ed448" or key.algorithm_name not in ALGORITHMS:
        raise NotAcceptable(f"keys are public ones for {', '.join(ALGORITHMS)}")
    if key.key_type == "OKP" and has_small_order(key.key.public_bytes_raw()):
        raise NotAcceptable("an Ed25519 key has a point of full order")
    if key.key_type == "RSA" and key.key.key_size < LEAST_RSA_BITS:
        raise NotAcceptable(f"an RSA key has at least {LEAST_RSA_BITS} bits")


def _check_backchannel(client: Client) -> None:
    """CIBA Core section 4: confidential clients alone; one that is pinged says where. Raises `NotAcceptable`."""
    mode, endpoint = client.backchannel_token_delivery_mode, client.backchannel_client_notification_endpoint
    if mode is None:
        if endpoint is not None or client.backchannel_user_code_parameter:
            raise NotAcceptable("a client that does not ask by the backchannel has no use for its settings")
        return
    if client.method is Method.NONE:
        raise NotAcceptable("only a client with a secret or a key asks by the backchannel")
    if mode not in DELIVERY_MODES:
        raise NotAcceptable(f"the backchannel delivers by {' or '.join(DELIVERY_MODES)}")
    if (mode == "ping") != (endpoint is not None):
        raise NotAcceptable("a client that is pinged has a notification endpoint, and no other client has one")
    if endpoint is not None and not may_be_notified(endpoint):
        raise NotAcceptable("a notification endpoint is a public https address, or http on a loopback name")


def _require_exchanging(client: Client) -> None:
    """What an exchange gives leads no further: a client that acts for a device passes no task on."""
    if client.audience is None:
        raise NotAcceptable("a client that exchanges tokens is a resource server, to which they are sent")
    if not (client.exchange_actions and client.exchange_audiences):
        raise NotAcceptable("a client that exchanges tokens gets some actions, at some resource server")
    if not client.exchange_actions <= ACTIONS - RESERVED:
        raise NotAcceptable(f"what can be exchanged is some of: {', '.join(sorted(ACTIONS - RESERVED))}")
    if not all(map(acceptable_uri, client.exchange_audiences)):
        raise NotAcceptable("a resource server has an https address as its audience")


async def add_client(database: Database, client: Client) -> None:
    """Register a client. Raises `NotAcceptable` and `ClientExists`."""
    for uri in client.redirect_uris + client.consumption_uris:
        if not acceptable_uri(uri):
            raise NotAcceptable(f"{uri} is neither https nor a loopback address, or has a fragment")
    if not client.actions or not client.actions <= ACTIONS:
        raise NotAcceptable(f"actions are some of: {', '.join(sorted(ACTIONS))}")
    if not (
        client.redirect_uris or client.consumption_uris or client.audience or client.backchannel_token_delivery_mode
    ):
        raise NotAcceptable(
            "a client needs a redirect URI, a consumption URI, the backchannel, or the audience of a resource server"
        )
    _check_backchannel(client)
    if client.audience and (client.method is Method.NONE or not acceptable_uri(client.audience)):
        raise NotAcceptable("a resource server has an https address as its audience, and a secret or a key")
    if client.client_id.startswith("usr_"):
        raise NotAcceptable("a client cannot be called as a person is")
    if client.exchange_actions or client.exchange_audiences:
        _require_exchanging(client)
    if client.services and (client.method is Method.NONE or not client.services <= SERVICES):
        raise NotAcceptable(f"a client with a secret or a key may be given some of: {', '.join(sorted(SERVICES))}")
    if client.require_signed_request_object and not client.jwks:
        raise NotAcceptable("a client that has to sign its requests needs keys")
    for jwk in client.jwks:
        require_public(jwk)
    await Clients(database).add(client)
