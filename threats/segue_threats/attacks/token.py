"""XD-TOK: tokens in the wrong place, at the wrong time, or after their end.

RFC 6749 section 10, RFC 7009, RFC 8707, RFC 9700 section 4.14. Expected: each is good for one thing, and ends.
"""

import asyncio
import secrets

from segue_threats.attack import Need, attack
from segue_threats.device import members_of
from segue_threats.flows import DEVICE_CODE
from segue_threats.lab import Lab

NO_GRANT = {"invalid_grant", "invalid_request", "unauthorized_client", "unsupported_grant_type"}
BOUND = 10
"""Seconds after a revocation from which on no access token may work; Segue promises one."""
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@attack("XD-TOK-01", Need.PUSH, Need.TASK_STORE)
async def a_token_for_one_service_is_shown_to_another(lab: Lab) -> None:
    """Show the store a token for the issuer, and the issuer one for the store."""
    grant = await lab.begin()
    lab.works(await grant.read(), "the honest read")
    here = await grant.refreshed(resource=lab.target.issuer)
    answer = await grant.read(token=here.access_token)
    lab.refuses(answer, "a token for the issuer at the store", errors={"invalid_token"})
    endpoint = lab.target.endpoint("transfer")
    answer = await grant.device.send("POST", endpoint, token=grant.access_token, data={"mode": "share"})
    lab.refuses(answer, "a token for the store at the issuer")
    lab.works(
        await grant.device.send("POST", endpoint, token=here.access_token, data={"mode": "share"}), "the right token"
    )


@attack("XD-TOK-02")
async def the_resource_indicator_is_abused(lab: Lab) -> None:
    """Ask for a token for services that nobody has registered."""
    for resource in ("https://evil.example/", "urn:x", "*", lab.target.issuer + "/x", lab.target.issuer + " x"):
        grant = await lab.grant()  # a refusal may have used the refresh token up
        answer = await grant.refresh(resource=resource)
        lab.refuses(answer, f"a token for {resource}", errors={"invalid_target", "invalid_request"})
    lab.works(await (await lab.grant()).refresh(), "the honest refresh")


@attack("XD-TOK-03", Need.RESOURCE, Need.REVOCATION)
async def a_revoked_token_is_used(lab: Lab) -> None:
    """Revoke the grant and go on reading and refreshing."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the read before")
    lab.works(await grant.device.form("revocation", {"token": grant.refresh_token}), "the revocation")
    lab.refuses(await grant.refresh(), "a refresh after the revocation", errors={"invalid_grant"})
    for _ in range(4 * BOUND):
        answer = await grant.read()
        if answer.is_error:
            break
        await asyncio.sleep(0.25)
    lab.refuses(answer, f"a read {BOUND} seconds after the revocation", statuses={401})


@attack("XD-TOK-04", Need.REVOCATION, Need.CODE)
async def somebody_elses_token_is_revoked(lab: Lab) -> None:
    """Revoke as another client; compare the answers for foreign and unknown tokens; give a wrong hint."""
    grant = await lab.grant()
    other = lab.phone() if grant.device.client == lab.desktop().client else lab.desktop()
    foreign = await other.form("revocation", {"token": grant.refresh_token})
    unknown = await other.form("revocation", {"token": secrets.token_urlsafe(40)})
    lab.holds(foreign.status_code == unknown.status_code, "foreign and unknown tokens can be told apart")
    lab.holds(foreign.text == unknown.text, "foreign and unknown tokens can be told apart")
    lab.works(await grant.refresh(), "a refresh after a foreign revocation")
    grant = await lab.grant()
    hinted = {"token": grant.refresh_token, "token_type_hint": "access_token"}
    lab.works(await grant.device.form("revocation", hinted), "a revocation with a wrong hint")
    lab.refuses(await grant.refresh(), "a refresh after a revocation with a wrong hint", errors={"invalid_grant"})


@attack("XD-TOK-06")
async def an_old_refresh_token_is_used_again(lab: Lab) -> None:
    """Use a refresh token whose successor has been used, and see whether the newest still lives."""
    first = await lab.grant()
    second = await first.refreshed()
    third = await second.refreshed()
    lab.works(await third.refresh(), "the newest refresh token")
    lab.holds(second.refresh_token != first.refresh_token, "refresh tokens do not rotate")
    lab.refuses(await first.refresh(), "the oldest refresh token", errors={"invalid_grant"})
    lab.refuses(await third.refresh(), "the newest one after the theft was seen", errors={"invalid_grant"})


@attack("XD-TOK-09", Need.REVOCATION)
async def credentials_are_used_in_the_wrong_role(lab: Lab) -> None:
    """Use each kind of credential where another kind is wanted."""
    grant = await lab.grant()
    form = grant.device.form
    for value in (grant.refresh_token, grant.access_token):
        what = "a refresh token" if value == grant.refresh_token else "an access token"
        code = {"grant_type": "authorization_code", "code": value, "code_verifier": "x" * 43, "redirect_uri": "x:"}
        lab.refuses(await form("token", code), f"{what} as an authorization code", errors=NO_GRANT)
        device_code = {"grant_type": DEVICE_CODE, "device_code": value}
        lab.refuses(await form("token", device_code), f"{what} as a device code", errors=NO_GRANT)
    lab.refuses(await grant.refresh(refresh_token=grant.access_token), "an access token as a refresh token")
    lab.works(await grant.refresh(), "the honest refresh")


@attack("XD-TOK-09")
async def grants_that_are_not_offered_are_asked_for(lab: Lab) -> None:
    """Ask for tokens by a password, by the client alone, and by an assertion."""
    grant = await lab.grant()
    for kind in ("password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""):
        form = {"grant_type": kind, "username": "x", "password": "x", "assertion": "x"}
        answer = await grant.device.form("token", form)
        lab.refuses(answer, f"the grant {kind!r}")
    lab.works(await grant.refresh(), "the honest refresh")


@attack("XD-TOK-11", Need.RESOURCE)
async def a_token_is_sent_in_an_address_or_a_body(lab: Lab) -> None:
    """Put the token into the query and look for answers that caches keep."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    answer = await grant.device.send("GET", f"{grant.address}?access_token={grant.access_token}")
    lab.refuses(answer, "a token in the query", statuses={400, 401})
    told = await grant.refresh()
    lab.works(told, "the honest refresh")
    lab.holds("no-store" in told.headers.get("Cache-Control", ""), "a cache may keep the answer of the token endpoint")


@attack("XD-TOK-12")
async def a_token_is_exchanged_for_a_better_one(lab: Lab) -> None:
    """Exchange an access token for one without a key, or for another service."""
    grant = await lab.grant()
    kind = "urn:ietf:params:oauth:token-type:access_token"
    form = {"grant_type": EXCHANGE, "subject_token": grant.access_token, "subject_token_type": kind}
    for more in ({}, {"resource": "https://evil.example/"}, {"scope": "admin"}):
        answer = await grant.device.form("token", {**form, **more})
        if not answer.is_error:
            lab.holds(members_of(answer).get("token_type") == "DPoP", "an exchanged token is bound to no key")
            lab.holds(not more, "an exchanged token is for more than what went in")
        else:
            lab.refuses(answer, "an exchange")
    unproved = await grant.device.form("token", form, proofs=())
    lab.refuses(unproved, "an exchange without a proof")
    lab.works(await grant.refresh(), "the honest refresh")
