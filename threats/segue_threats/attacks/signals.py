"""XD-TOK-13: somebody who can reach a receiver of security events makes them up.

RFC 8417 section 5, RFC 8935 section 5, OpenID SSF 1.0. Expected: what the issuer did not sign as an event, for this
receiver, ends nobody's access.
"""

import secrets

from segue.clock import now

from segue_threats import forge
from segue_threats.attack import Need, attack
from segue_threats.forge import Key
from segue_threats.grant import Grant
from segue_threats.lab import Lab

SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"


@attack("XD-TOK-13", Need.TASK_STORE)
async def a_made_up_event_ends_access(lab: Lab) -> None:
    """Push events about a living grant: by a key of one's own, unsigned, and an access token in an event's place."""
    grant = await lab.begin()
    lab.works(await grant.read(), "the honest read")
    signed_header, _ = forge.opened(grant.access_token)
    header = {"alg": "ES256", "typ": "secevent+jwt"}
    thief, claims = Key(), _event(lab, grant)
    events = {
        "an event by another key": forge.compact({**header, "kid": thief.jkt}, claims, thief),
        "an event by another key under the issuer's name": forge.compact(
            {**header, "kid": signed_header["kid"]}, claims, thief
        ),
        "an event that brings its key": forge.compact({**header, "jwk": thief.jwk}, claims, thief),
        "an event that nobody signed": forge.compact({**header, "alg": "none"}, claims, None),
        "an access token": grant.access_token,
    }
    http, receiver = lab.stranger(), f"{lab.target.configuration.task_store}/signals"
    for what, event in events.items():
        headers = {"Content-Type": "application/secevent+jwt"}
        lab.refuses(await http.post(receiver, content=event.encode(), headers=headers), f"{what}, as an event")
        lab.still_works(await grant.read(), f"the read after {what}")


def _event(lab: Lab, grant: Grant) -> dict[str, object]:
    _, claims = forge.opened(grant.access_token)
    return {
        "iss": lab.target.issuer,
        "aud": lab.target.configuration.task_store,
        "iat": now(),
        "jti": secrets.token_urlsafe(16),
        "sub_id": {"format": "complex", "session": {"format": "opaque", "id": claims.get("grant_id", "")}},
        "events": {SESSION_REVOKED: {"event_timestamp": now()}},
    }
