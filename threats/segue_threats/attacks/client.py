"""Clients: one that says it is another, and servers that ask about tokens which are not theirs.

RFC 6749 section 10.2, RFC 7523 section 3, RFC 7662 sections 2.1 and 4, RFC 8628 section 5.6. Expected: a public
identifier earns nothing, a client authenticates in its one way, and a token is told to its own audience alone.
"""

import secrets
from base64 import b64encode
from urllib.parse import quote_plus

import httpx2
from segue.clock import now

from segue_threats.attack import Need, attack
from segue_threats.attacks.pull import WAITING
from segue_threats.device import members_of
from segue_threats.flows import details
from segue_threats.forge import Key, compact
from segue_threats.lab import Lab
from segue_threats.target import ResourceServer

NOT_A_CLIENT = {"invalid_client", "invalid_request", "unauthorized_client"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@attack("XD-PULL-14", Need.PULL)
async def a_trusted_name_is_borrowed(lab: Lab) -> None:
    """Ask as a client that the person has approved before, from a device nobody knows, and as the first-party one."""
    lab.works(await (await lab.pull()).refresh(), "the honest pull")
    impostors = [lab.phone()]
    if lab.target.configuration.authorization_device is not None:
        impostors.append(lab.desktop())
    for impostor in impostors:
        lab.step(f"as {impostor.client.client_id}")
        answer = await lab.ask_answer(impostor)
        if answer.is_error:
            lab.refuses(answer, "a request of a client that gets no codes", errors=NOT_A_CLIENT | {"access_denied"})
            continue
        asked = await lab.ask(impostor)
        lab.refuses(await lab.poll(asked), "a poll that nobody has approved", errors=WAITING)


@attack("XD-PULL-14", Need.PULL, Need.TASK_STORE)
async def a_public_client_asks_for_more_than_it_is_registered_for(lab: Lab) -> None:
    """Ask, as the device that consumes, for the right that only the Authorization Device has."""
    lab.works(await lab.ask_answer(lab.phone()), "asking")
    wide = details([{"type": "task", "actions": ["task:read", "task:transfer"]}])
    answer = await lab.ask_answer(lab.phone(), authorization_details=wide)
    lab.refuses(answer, "a request for task:transfer", errors={"invalid_authorization_details", "invalid_scope"})


async def introspected(lab: Lab, token: str, *, by: ResourceServer | None, **form: str) -> httpx2.Response:
    """What the server tells about a token."""
    headers = {"Authorization": basic(by.client_id, by.secret)} if by else {}
    return await lab.http.post(lab.target.endpoint("introspection"), data={"token": token, **form}, headers=headers)


def basic(client_id: str, secret: str) -> str:
    """RFC 6749 section 2.3.1."""
    return f"Basic {b64encode(f'{quote_plus(client_id)}:{quote_plus(secret)}'.encode()).decode()}"


@attack("XD-TOK-05", Need.INTROSPECTION)
async def somebody_asks_what_a_token_is_worth(lab: Lab) -> None:
    """Introspect without credentials, as a public client, with a wrong secret, and as another resource server."""
    grant = await lab.grant()
    own, other = lab.target.configuration.resource_servers[:2]
    honest = lab.works(await introspected(lab, grant.access_token, by=own), "introspection by the token's audience")
    lab.shows(members_of(honest).get("active") is True, "the resource server does not learn that its token is active")
    confirmed = members_of(honest).get("cnf", {})
    lab.holds(confirmed.get("jkt") == grant.device.key.jkt, "the resource server does not learn the token's key")
    public = grant.device.client.client_id
    for what, by, form in (
        ("nobody", None, {}),
        ("a public client", None, {"client_id": public}),
        ("a wrong secret", ResourceServer(own.client_id, "wrong"), {}),
        ("the identifier alone", None, {"client_id": own.client_id}),
        ("an unknown client", ResourceServer("no-such-client", own.secret), {}),
    ):
        lab.refuses(await introspected(lab, grant.access_token, by=by, **form), f"introspection by {what}")
    foreign = lab.works(await introspected(lab, grant.access_token, by=other), "introspection by another server")
    lab.holds(members_of(foreign) == {"active": False}, "a resource server learns of a token that is not meant for it")
    for token in ("x", secrets.token_urlsafe(40), grant.refresh_token):
        told = lab.works(await introspected(lab, token, by=own), "introspection of what is no access token")
        lab.holds(members_of(told) == {"active": False}, "what is no access token is told to be active")


@attack("XD-TOK-10", Need.INTROSPECTION)
async def a_client_authenticates_in_two_ways_or_in_none(lab: Lab) -> None:
    """Send two methods, two identifiers, an empty secret, the identifier alone, and a secret where it must not be."""
    grant = await lab.grant()
    own, other = lab.target.configuration.resource_servers[:2]
    lab.works(await introspected(lab, grant.access_token, by=own), "the honest introspection")
    mine = basic(own.client_id, own.secret)
    attempts: list[tuple[str, dict[str, str], dict[str, str]]] = [
        ("another identifier in the body", {"Authorization": mine}, {"client_id": other.client_id}),
        ("two secrets", {"Authorization": mine}, {"client_id": own.client_id, "client_secret": own.secret}),
        ("an assertion beside the secret", {"Authorization": mine}, _assertion(own, lab.target.issuer)),
        ("the other's secret", {"Authorization": basic(own.client_id, other.secret)}, {}),
        ("an empty secret", {"Authorization": basic(own.client_id, "")}, {}),
        ("the identifier alone", {}, {"client_id": own.client_id}),
        ("half a header", {"Authorization": "Basic"}, {"client_id": own.client_id}),
        ("a Bearer header", {"Authorization": f"Bearer {own.secret}"}, {"client_id": own.client_id}),
    ]
    for audience in (lab.target.issuer, "https://other.example", lab.target.endpoint("token")):
        attempts.append((f"an assertion for {audience} by a key of one's own", {}, _assertion(own, audience)))
    for endpoint in ("introspection", "revocation", "token"):
        if f"{endpoint}_endpoint" not in lab.target.metadata:
            continue
        for what, headers, form in attempts:
            sent = {"token": grant.access_token, "grant_type": "client_credentials", **form}
            answer = await lab.http.post(lab.target.endpoint(endpoint), data=sent, headers=headers)
            lab.refuses(answer, f"{what} at the {endpoint} endpoint", errors=NOT_A_CLIENT)
    lab.works(await introspected(lab, grant.access_token, by=own), "the honest introspection")


def _assertion(client: ResourceServer, audience: str) -> dict[str, str]:
    """RFC 7523 section 2.2, by a key that nobody has registered."""
    at, named = now(), {"iss": client.client_id, "sub": client.client_id}
    claims = {**named, "aud": audience, "iat": at, "exp": at + 60, "jti": secrets.token_urlsafe(12)}
    signed = compact({"alg": "ES256", "typ": "JWT"}, claims, Key())
    return {"client_id": client.client_id, "client_assertion_type": ASSERTION, "client_assertion": signed}
