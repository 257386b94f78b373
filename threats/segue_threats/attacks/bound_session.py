"""XD-DBSC: browser sessions that are bound to a key of their device, and cookies without that key.

W3C Device Bound Session Credentials. Expected: a session is bound by a real key, right after the sign-in and once; from
then on its cookies are worth nothing without a proof that is new.
"""

import asyncio
import copy
import json
from collections.abc import Mapping
from urllib.parse import urljoin

import httpx2
from segue_demo.bound_session import BoundSession, offered, proof

from segue_threats.approver import SeguePages
from segue_threats.attack import DoesNotApply, Need, attack
from segue_threats.forge import Key, compact, part
from segue_threats.lab import Lab

OFFER = "Secure-Session-Registration"
LATER = 3_600
"""Seconds: longer than any server should take a registration, or honour a bound cookie; shorter than a session."""
SETTLED = 15
"""Seconds after which nothing that was sent before the registration can still be on its way."""


async def signed_in(lab: Lab, number: int = 0) -> tuple[SeguePages, httpx2.Response]:
    """A browser that has just signed in and bound nothing yet, and the answer that offers it to.

    Raises `DoesNotApply`.
    """
    pages = SeguePages(lab.connect(None, None), lab.visitor(number), task_name="Threat suite")
    offers: list[httpx2.Response] = []

    async def hear(answer: httpx2.Response) -> None:
        if OFFER in answer.headers:
            offers.append(answer)

    pages.http.event_hooks = {"request": [], "response": [hear]}
    lab.works(await pages.browser.visit(f"{lab.target.issuer}/devices"), "signing in")
    if not offers:
        raise DoesNotApply("the server does not offer to bind sessions")
    return pages, offers[-1]


async def bound(lab: Lab, number: int = 0) -> tuple[SeguePages, BoundSession]:
    """A browser whose session is bound."""
    pages, offer = await signed_in(lab, number)
    session = BoundSession(pages.http)
    lab.works(await session.register(offer), "the registration")
    lab.works(await session.refresh(), "a refresh")
    return pages, session


def thief_of(lab: Lab, pages: SeguePages, session: BoundSession, *, with_bound_cookie: bool = False) -> SeguePages:
    """Somebody with a copy of the browser's cookies and without its key."""
    thief = lab.other_browser()
    short_lived = {str(each["name"]) for each in session.instructions["credentials"]}
    for cookie in pages.http.cookies.jar:
        if with_bound_cookie or cookie.name not in short_lived:
            thief.http.cookies.jar.set_cookie(copy.copy(cookie))
    return thief


def given(answer: httpx2.Response, session: BoundSession) -> bool:
    """Whether the answer brings a bound cookie."""
    name = str(session.instructions["credentials"][0]["name"])
    return any(each.startswith(f"{name}=") for each in answer.headers.get_list("Set-Cookie"))


def weak(claims: Mapping[str, str]) -> dict[str, str]:
    """Registrations that prove no key, by what they lack."""
    own, other = Key(), Key()
    typ = {"typ": "dbsc+jwt"}
    honest = {**typ, "alg": "ES256", "jwk": own.jwk}
    return {
        "without an algorithm, with a key": compact({**typ, "alg": "none", "jwk": own.jwk}, claims, None),
        "without an algorithm or a key": compact({**typ, "alg": "none"}, claims, None),
        "without a signature": compact(honest, claims, None),
        "signed by another key": compact(honest, claims, other),
        "by an algorithm that was not offered": compact({**honest, "alg": "RS256"}, claims, own),
        "with a key of another curve": compact({**honest, "jwk": {**own.jwk, "crv": "P-384"}}, claims, own),
        "with a point that is on no curve": compact(
            {**honest, "jwk": {**own.jwk, "x": own.jwk["y"], "y": own.jwk["x"]}}, claims, own
        ),
        "with a secret for a key": compact({**honest, "jwk": {"kty": "oct", "k": part(b"s" * 32)}}, claims, own),
        "without a key": compact({**typ, "alg": "ES256"}, claims, own),
        "as another kind of token": compact({**honest, "typ": "dpop+jwt"}, claims, own),
        "without the challenge": compact(honest, {**claims, "jti": ""}, own),
        "without the authorization": compact(honest, {"jti": claims["jti"]}, own),
    }


@attack("XD-DBSC-01", Need.PAGES, Need.TASK_STORE)
async def a_session_is_bound_without_a_key(lab: Lab) -> None:
    """Answer the offer with proofs without algorithm, signature or key, with weak keys, and of another kind."""
    await bound(lab)
    pages, offer = await signed_in(lab)
    path, challenge, authorization = offered(offer)
    endpoint = urljoin(str(offer.url), path)
    for what, text in weak({"jti": challenge, "authorization": authorization}).items():
        answer = await pages.http.post(endpoint, headers={"Secure-Session-Response": text})
        lab.refuses(answer, f"a registration {what}")
        lab.holds("Set-Cookie" not in answer.headers, f"a registration {what} brings a cookie")
    lab.works(await BoundSession(pages.http).register(offer), "the same offer, honestly taken")


@attack("XD-DBSC-02", Need.PAGES, Need.TASK_STORE)
async def a_session_is_bound_again_or_by_another(lab: Lab) -> None:
    """Bind a bound session to a key of one's own; take an offer with another cookie; bind from two places at once."""
    pages, offer = await signed_in(lab)
    owner = BoundSession(pages.http)
    lab.works(await owner.register(offer), "the registration")
    malware = thief_of(lab, pages, owner, with_bound_cookie=True)
    lab.refuses(await BoundSession(malware.http).register(offer), "a second registration, with another key")
    lab.still_works(await owner.refresh(), "the refresh by the first key")
    victim, theirs = await signed_in(lab)
    other, _ = await signed_in(lab, 1)
    lab.refuses(await BoundSession(other.http).register(theirs), "an offer with somebody else's cookie")
    lab.refuses(await BoundSession(lab.stranger()).register(theirs), "an offer with no cookie")
    racing = [BoundSession(victim.http) for _ in range(4)]
    answers = await asyncio.gather(*(each.register(theirs) for each in racing))
    lab.holds(sum(answer.is_success for answer in answers) <= 1, "one offer has bound two keys")


@attack("XD-DBSC-02", Need.PAGES, Need.TASK_STORE, Need.OWN)
async def a_session_is_bound_long_after_the_sign_in(outside: Lab) -> None:
    """Keep the offer of a sign-in, and take it when malware has its own key ready."""
    async with outside.instance() as (lab, machine):
        await bound(lab)
        pages, offer = await signed_in(lab)
        machine.ahead += LATER
        lab.refuses(await BoundSession(pages.http).register(offer), "a registration long after the sign-in")
        lab.still_works(await pages.http.get(f"{lab.target.issuer}/devices"), "the unbound session")


@attack("XD-DBSC-03", Need.PAGES, Need.TASK_STORE)
async def a_session_proof_is_replayed_or_for_something_else(lab: Lab) -> None:
    """Send a refresh again, at once and many times; mix identifiers, cookies and keys; bring a key of one's own."""
    pages, session = await bound(lab)
    _, other = await bound(lab, 1)

    async def challenged(who: BoundSession) -> dict[str, str | None]:
        await who.ask(None)
        return {"jti": who.challenge}

    captured = proof(session.key, await challenged(session))
    thief = BoundSession(pages.http)
    thief.instructions, thief.refresh_address = session.instructions, session.refresh_address
    answers = await asyncio.gather(*(session.ask(captured) for _ in range(4)))
    lab.holds(sum(given(answer, thief) for answer in answers) == 1, "one proof sent four times gives as many cookies")
    lab.holds(not given(await session.ask(captured), thief), "a proof that was used gives a cookie")
    wrong = {
        "by another session's key": proof(other.key, await challenged(session)),
        "over another session's challenge": proof(session.key, await challenged(other)),
        "over an invented challenge": proof(session.key, {"jti": "x" * 43}),
        "with a key of its own": proof(thief.key, await challenged(session), with_key=True),
        "without a signature": compact({"typ": "dbsc+jwt", "alg": "none"}, await challenged(session), None),
    }
    for what, text in wrong.items():
        answer = await thief.ask(text)
        lab.refuses(answer, f"a proof {what}")
        lab.holds(not given(answer, session), f"a proof {what} gives a cookie")
    foreign = BoundSession(pages.http)
    foreign.instructions, foreign.refresh_address = other.instructions, other.refresh_address
    answer = await foreign.ask(proof(other.key, await challenged(other)))
    lab.holds(not given(answer, session), "a session's name with another's cookie gives a cookie")
    lab.still_works(await session.refresh(), "the honest refresh")


@attack("XD-DBSC-04", Need.PUSH, Need.PAGES, Need.OWN)
async def a_stolen_cookie_decides(outside: Lab) -> None:
    """Take the long-lived cookie to a browser without the key, say that refresh was skipped, and approve."""
    async with outside.instance() as (lab, machine):
        pages, session = await bound(lab)
        machine.ahead += SETTLED
        grant = await lab.begin()
        offer, claim = await lab.claimed(grant, mode="share")
        identifier = session.instructions["session_identifier"]
        for skipped in ("", f'quota_exceeded;session_identifier="{identifier}"'):
            thief = thief_of(lab, pages, session)
            if skipped:
                thief.http.headers["Secure-Session-Skipped"] = skipped
            for page in ("/devices", "/device", "/requests", "/", httpx2.URL(offer.confirmation_uri).path):
                answer = await thief.http.get(lab.target.issuer + page)
                lab.holds(not answer.is_success, f"{page} opens for the cookie alone")
        lab.works(await session.refresh(), "the refresh of the browser with the key")
        lab.works(await pages.http.get(f"{lab.target.issuer}/devices"), "its page")
        lab.holds(
            "came to /devices without its bound cookie; its browser says quota_exceeded" in lab.inside.log(),
            "the log tells nothing of a bound session without its bound cookie",
        )
        lab.holds((await lab.state(grant, offer)).get("state") == "claimed", "the thief has decided")
        await lab.confirm(offer, claim.check_value)
        lab.works(await lab.poll(claim), "the honest decision")


@attack("XD-DBSC-05", Need.PAGES, Need.TASK_STORE)
async def another_site_asks_who_is_signed_in(lab: Lab) -> None:
    """Fetch the refresh endpoint from another site, signed in and not, with and without what only a browser sends."""
    pages, session = await bound(lab)
    nobody = lab.stranger()
    address, identifier = session.refresh_address, str(session.instructions["session_identifier"])
    told = set()
    elsewhere = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]
    for headers in [{}, *elsewhere, *({**each, "Sec-Secure-Session-Id": identifier} for each in elsewhere)]:
        for http in (pages.http, nobody):
            answer = await http.post(address, headers=headers)
            lab.refuses(answer, f"a request with {headers or 'no header'}")
            kept = {name for name in answer.headers if name.startswith(("set-cookie", "secure-session", "access-"))}
            told.add((answer.status_code, answer.text, tuple(sorted(kept))))
            policy = answer.headers.get("Cross-Origin-Resource-Policy", "")
            lab.holds(policy == "same-origin", "another site may load the answer")
            frames = answer.headers.get("X-Frame-Options", answer.headers.get("Content-Security-Policy", ""))
            lab.holds("DENY" in frames or "frame-ancestors 'none'" in frames, "another site may frame the answer")
    lab.holds(len(told) == 1, f"the answers tell who is signed in: {sorted(map(str, told))}")
    lab.holds(not told.pop()[2], "the refusal touches a session, or may be read")
    lab.still_works(await session.refresh(), "the refresh by the browser")


@attack("XD-DBSC-06", Need.PAGES, Need.OWN)
async def a_bound_cookie_is_kept_for_later(outside: Lab) -> None:
    """Copy both cookies, keep them, and use them when the short-lived one has ended."""
    async with outside.instance() as (lab, machine):
        pages, session = await bound(lab)
        thief = thief_of(lab, pages, session, with_bound_cookie=True)
        lab.works(await thief.http.get(f"{lab.target.issuer}/devices"), "the copy while it is fresh")
        for cookie in thief.http.cookies.jar:
            cookie.expires, cookie.discard = None, True  # a thief keeps what a browser would let go of
        machine.ahead += LATER
        answer = await thief.http.get(f"{lab.target.issuer}/devices")
        lab.holds(not answer.is_success, "a bound cookie opens pages an hour later")
        lab.still_works(await session.refresh(), "the refresh by the key")


@attack("XD-DBSC-06", Need.PAGES, Need.OWN)
async def a_bound_session_outlives_its_end(outside: Lab) -> None:
    """Refresh after the person has signed out, and after the account was locked, with the key itself."""
    async with outside.instance() as (lab, machine):
        pages, session = await bound(lab)
        kept = thief_of(lab, pages, session, with_bound_cookie=True)
        await pages.browser.sign_out(lab.target.issuer)
        await _has_ended(lab, kept, session, "signing out")
        pages, session = await bound(lab)
        await machine.disable(lab.visitor(0))
        try:
            await _has_ended(lab, pages, session, "the account was locked")
        finally:
            await machine.disable(lab.visitor(0), disabled=False)


async def _has_ended(lab: Lab, kept: SeguePages, session: BoundSession, end: str) -> None:
    mine = BoundSession(kept.http)
    mine.key, mine.instructions, mine.refresh_address = session.key, session.instructions, session.refresh_address
    for text in (None, proof(session.key, {"jti": session.challenge or "none"})):
        answer = await mine.ask(text)
        lab.holds(not given(answer, session), f"after {end} a refresh gives a cookie")
        told = json.loads(answer.text or "{}") if answer.is_success else {}
        lab.holds(told.get("continue") is False, f"after {end} the browser is not told that the session has ended")
        mine.instructions = session.instructions
    answer = await kept.http.get(f"{lab.target.issuer}/devices")
    lab.holds(not answer.is_success, f"after {end} the cookies still open a page")
