"""Attacks on who takes security events: what ends other people's access, or leaves a withdrawn grant honoured."""

from typing import Any

from attacked import Attacks, target
from segue import jose
from segue.issuer_keys import IssuerKeys
from segue.security_event import MEDIA_TYPE, SESSION_REVOKED, NotAnEvent, SecurityEventReader
from segue.testing import TestIssuer
from segue_backend import URL

attack = Attacks()
NOW = 1_800_000_000
ISSUER = "https://id.example"
SUBJECT = {"format": "complex", "session": {"format": "opaque", "id": "grt_1"}}


def event(issuer: TestIssuer, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """As the issuer would sign it, but for what is given; None leaves a claim out."""
    content = {
        "iss": ISSUER,
        "aud": URL,
        "iat": NOW,
        "jti": "sig_1",
        "sub_id": SUBJECT,
        "events": {SESSION_REVOKED: {"event_timestamp": NOW}},
        **claims,
    }
    kept = {name: value for name, value in content.items() if value is not None}
    return jose.sign({"typ": "secevent+jwt", "kid": issuer.kid, **(header or {})}, kept, issuer.private_key)


async def ended_by(token: str, issuer: TestIssuer, *, now: int = NOW) -> str | None:
    """The grant that the event ends; None if it is refused, or ends nothing."""
    keys = IssuerKeys(ISSUER, fetch=issuer.fetch, clock=lambda: now)
    reader = SecurityEventReader(issuer=ISSUER, audience=URL, keys=keys, clock=lambda: now)
    try:
        return await reader.read(token)
    except NotAnEvent:
        return None


def issuer() -> TestIssuer:
    return TestIssuer(clock=lambda: NOW)


@attack
async def what_the_issuer_says_is_not_believed() -> bool:
    return await ended_by(event(here := issuer()), here) != "grt_1"


@attack
async def a_stranger_ends_access() -> bool:
    here, thief = issuer(), issuer()
    forged = event(thief, header={"kid": here.kid})
    return bool(await ended_by(forged, here) or await ended_by(event(thief, header={"kid": "theirs"}), here))


@attack
async def another_token_of_the_issuer_is_taken_for_an_event() -> bool:
    here = issuer()
    return bool(await ended_by(event(here, header={"typ": "at+jwt"}), here))


@attack
async def an_event_of_another_issuer_is_taken() -> bool:
    return bool(await ended_by(event(here := issuer(), iss="https://other.example"), here))


@attack
async def an_event_for_somebody_else_is_taken() -> bool:
    here = issuer()
    return any([await ended_by(event(here, aud=aud), here) for aud in ("https://other.example", [], None)])


@attack
async def an_event_from_the_future_is_taken() -> bool:
    here = issuer()
    return any([await ended_by(event(here, iat=iat), here) for iat in (NOW + 60, -1, "1", None)])


@attack
async def an_event_without_a_name_is_taken() -> bool:
    here = issuer()
    return any([await ended_by(event(here, jti=jti), here) for jti in ("", 7, None)])


@attack
async def several_events_or_none_are_taken() -> bool:
    here, other = issuer(), {"urn:example:other": {}}
    odd = ({SESSION_REVOKED: {}, **other}, {SESSION_REVOKED: []}, [SESSION_REVOKED], None)
    return any([await ended_by(event(here, events=events), here) for events in odd])


@attack
async def an_event_of_another_kind_ends_access() -> bool:
    here = issuer()
    return bool(await ended_by(event(here, events={"urn:example:other": {}}), here))


@attack
async def a_subject_that_names_no_session_ends_something() -> bool:
    here = issuer()
    sessions: tuple[Any, ...] = (
        {"format": "email", "id": "grt_1"}, {"format": "opaque", "id": 7}, {"format": "opaque", "id": ""},
        {"format": "opaque", "id": "x" * 256}, "grt_1",
    )  # fmt: skip
    subjects = [{"format": "complex", "session": session} for session in sessions]
    odd = (*subjects, {"format": "opaque", "session": SUBJECT["session"]}, "grt_1", None)
    return any([await ended_by(event(here, sub_id=subject), here) for subject in odd])


@attack
async def a_body_of_another_type_is_taken() -> bool:
    async with target() as it:
        signed = event(it.issuer, iat=it.now)
        other = await it.app._guard.events.take("application/jwt", signed.encode())
        return other.status != 400 or (await it.app._guard.events.take(MEDIA_TYPE, signed.encode())).status != 202
