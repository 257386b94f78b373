"""The token exchange grant (RFC 8693): a server to which a task token was sent gets one of its own, never a wider one.

It is for the same person and task, bound to the server's own key, ends with the token that was sent, and says who acts.
"""

from dataclasses import replace

from segue import authority
from segue.task_token import InvalidToken, TaskToken, TaskTokenVerifier

from segue_authz.domain.client import Client, Method
from segue_authz.domain.grant import MAX_ACTORS, Grant, Withdrawn, mintable_actions
from segue_authz.domain.identifier import Random, new
from segue_authz.domain.refusal import InvalidAuthorizationDetails, InvalidRequest, InvalidTarget, UnauthorizedClient
from segue_authz.grants.request import Exchanged, Granted, TokenRequest
from segue_authz.stores.port import GrantStore, NewDevice
from segue_authz.tokens.accounting import accounts_for
from segue_authz.tokens.signing_keys import SigningKeys

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105


class TokenExchangeGrant:
    def __init__(self, grants: GrantStore, random: Random, *, issuer: str, keys: SigningKeys) -> None:
        self._grants = grants
        self._random = random
        self._issuer = issuer
        self._keys = keys

    async def grant(self, request: TokenRequest) -> Granted:
        _check_form(request)
        client = request.client
        if client.method is Method.NONE or client.audience is None or not client.exchange_actions:
            raise UnauthorizedClient("the client is not registered for the exchange of tokens")
        sent, parent = await self._subject_token(request, audience=client.audience)
        audience = _audience(request, client, parent, issuer=self._issuer)
        actions = _actions(request, sent, client)
        try:
            issued = await self._grants.delegate(
                self._delegated(parent, sent, request, actions=actions),
                device=NewDevice(client.name, request.network),
                now=request.now,
            )
        except Withdrawn as withdrawn:
            raise _unacceptable(str(withdrawn)) from withdrawn
        narrower = issued.actions & actions
        if not narrower:
            raise _unacceptable("nothing is left of what was asked for")
        return Granted(
            replace(issued, actions=narrower), introduce=False, exchanged=Exchanged(audience, expires_at=sent.exp)
        )

    async def _subject_token(self, request: TokenRequest, *, audience: str) -> tuple[TaskToken, Grant]:
        """The token that was sent to this client, and the grant that stands behind it now. Raises `InvalidRequest`.

        It has to be meant for the client: who passes on a token that was meant for somebody else gets nothing for it.
        """
        now = request.now
        verifier = TaskTokenVerifier(issuer=self._issuer, audience=audience, keys=self._keys, clock=lambda: now)
        try:
            sent = await verifier.verify(request.required("subject_token"))
            standing = await self._grants.standing(sent.grant_id)
            if standing is None or not accounts_for(standing, sent):
                raise _unacceptable("no grant accounts for it")
            mintable_actions(standing, now=now)
        except (InvalidToken, Withdrawn) as refused:
            raise _unacceptable(str(refused)) from refused
        if len(standing.grant.actors) >= MAX_ACTORS:
            raise _unacceptable("too many act for each other already")
        return sent, standing.grant

    def _delegated(self, parent: Grant, sent: TaskToken, request: TokenRequest, *, actions: frozenset[str]) -> Grant:
        """The parent's terms with the client's own key. What the parent may do is asked for whenever this is used."""
        return replace(
            parent,
            grant_id=new("grt", self._random),
            client_id=request.client.client_id,
            device_id=new("dev", self._random),
            jkt=request.jkt,
            actions=actions,
            created_at=request.now,
            expires_at=sent.exp,
            generation=0,
            rotated_at=None,
            parent_grant_id=parent.grant_id,
            actors=(request.client.client_id, *parent.actors),
        )


def _check_form(request: TokenRequest) -> None:
    """RFC 8693 section 2.1. The client itself is the actor, so it shows no other token for one."""
    if request.form.get("subject_token_type") != ACCESS_TOKEN:
        raise InvalidRequest("subject_token_type must be that of an access token")
    if request.form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise InvalidRequest("nothing but an access token is issued")
    if "actor_token" in request.form or "actor_token_type" in request.form:
        raise InvalidRequest("the client is the actor; actor_token is not taken")


def _audience(request: TokenRequest, client: Client, parent: Grant, *, issuer: str) -> str:
    """One that the client is registered for, and that the device was not limited away from; never this server."""
    asked = {request.form[name] for name in ("resource", "audience") if name in request.form}
    asked = asked or set(client.exchange_audiences[:1])
    if len(asked) != 1 or not asked <= set(client.exchange_audiences):
        raise InvalidTarget("the client is not registered for tokens for that resource server")
    (audience,) = asked
    if audience == issuer or parent.resource not in (None, audience):
        raise InvalidTarget("the access was asked for another resource server alone")
    return audience


def _actions(request: TokenRequest, sent: TaskToken, client: Client) -> frozenset[str]:
    """Those of the token that was sent for which the client is registered; of these, what it asks for."""
    most = sent.authority.actions & client.exchange_actions
    if "authorization_details" not in request.form:
        if not most:
            raise _unacceptable("it allows nothing that the client is registered for")
        return most
    try:
        asked = authority.parse_requested(request.form["authorization_details"])
    except authority.InvalidAuthorizationDetails as invalid:
        raise InvalidAuthorizationDetails("authorization_details must hold one task", because=str(invalid)) from invalid
    if asked.name is not None or asked.task_id not in (None, sent.authority.task_id):
        raise InvalidAuthorizationDetails("the token is for another task")
    if not asked.actions <= most:
        raise InvalidAuthorizationDetails("the token that was sent, or the registration, does not allow that")
    return asked.actions


def _unacceptable(because: str) -> InvalidRequest:
    """RFC 8693 section 2.2.2, one answer for whatever is wrong with it."""
    return InvalidRequest("the subject_token is not acceptable", because=because)
