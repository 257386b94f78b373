"""XD-AUTH-04: the ceremonies of passkeys, altered on their way, and passkeys that a thief adds for later.

WebAuthn Level 3 sections 7.1, 7.2 and 13.4, ASVS 5.0 sections 6.7.2 and 7.5.1. Expected: an answer counts once, here,
from who was verified, for what it was asked for; and how somebody signs in is changed by who has just signed in.
"""

import re
from html import unescape
from typing import Any

import httpx2

from segue_threats.attack import Need, attack
from segue_threats.authenticator import USER_PRESENT, Authenticator, Said
from segue_threats.lab import Lab

HERE = "/account/security"
WHILE = 3600
ALTERED = {
    "a challenge of the attacker's": Said(challenge="A" * 96),
    "another origin": Said(origin="https://evil.example"),
    "another relying party": Said(rp_id="evil.example"),
    "nobody verified": Said(flags=USER_PRESENT),
    "another signature": Said(tampered=True),
    "another user handle": Said(user_handle="AAAA"),
    "the page of another origin around it": Said(cross_origin=True),
    "a registration in place of a sign-in": Said(type="webauthn.create"),
}


class _Person:
    """A browser at the pages about signing in."""

    def __init__(self, lab: Lab, http: httpx2.AsyncClient | None = None) -> None:
        self.issuer = lab.target.issuer
        self.http = http or lab.stranger()

    async def csrf(self, path: str = "/sign-in?anew=yes") -> str:
        found = re.findall(r'name="csrf" value="([^"]*)"', (await self.http.get(self.issuer + path)).text)
        return unescape(found[0]) if found else ""

    async def options(self, path: str) -> Any:
        answer = await self.http.get(self.issuer + path)
        return answer.json() if not answer.is_error else {}

    async def send(self, path: str, **fields: str) -> httpx2.Response:
        return await self.http.post(self.issuer + path, data={"csrf": await self.csrf(), **fields})

    async def add(self, keys: Authenticator, said: Said | None = None) -> httpx2.Response:
        options = await self.options("/account/passkeys/options")
        asked = options or {"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"}
        credential = keys.create(asked, said or Said())
        return await self.send("/account/passkeys/add", credential=credential, name="Threat suite")

    async def enter(self, keys: Authenticator, said: Said | None = None) -> httpx2.Response:
        credential = keys.get(await self.options("/sign-in/passkey"), said or Said())
        return await self.send("/sign-in/passkey", credential=credential)


async def _with_passkey(lab: Lab) -> tuple[_Person, Authenticator]:
    """The test person, with a passkey in software."""
    pages, keys = lab.pages(), Authenticator(lab.target.issuer)
    await pages.browser.visit(lab.target.issuer + HERE)
    person = _Person(lab, pages.http)
    lab.works(await person.add(keys), "adding a passkey")
    lab.shows((await _Person(lab).enter(keys)).is_redirect, "the passkey does not sign in")
    return person, keys


@attack("XD-AUTH-04", Need.PAGES, Need.OWN)
async def a_ceremony_is_altered_or_used_twice(outside: Lab) -> None:
    """Answer with another challenge, origin, party, account or signature, or unverified; then replay and move one."""
    async with outside.instance() as (lab, _):
        _, keys = await _with_passkey(lab)
        for what, said in ALTERED.items():
            lab.refuses(await _Person(lab).enter(keys, said), f"a sign-in with {what}")
        thief, other = _Person(lab), _Person(lab)
        options = await thief.options("/sign-in/passkey")
        answer = keys.get(options)
        lab.refuses(await other.send("/sign-in/passkey", credential=answer), "an answer moved to another browser")
        stepping = await thief.send("/sign-in/passkey", credential=answer, anew="yes")
        lab.refuses(stepping, "an answer for signing in, to step up")
        lab.shows((await thief.send("/sign-in/passkey", credential=answer)).is_redirect, "the honest answer fails")
        keys.credentials[0].count += 1
        lab.refuses(await thief.send("/sign-in/passkey", credential=answer), "the same answer once more")
        lab.refuses(await _Person(lab).enter(keys, Said(count=1)), "an authenticator whose counter goes back")


@attack("XD-AUTH-04", Need.PAGES, Need.OWN)
async def an_answer_is_replayed_before_its_counter_tells(outside: Lab) -> None:
    """Send the answer of a synced passkey, which does not count, a second time from the same browser."""
    async with outside.instance() as (lab, _):
        pages, keys = lab.pages(), Authenticator(lab.target.issuer, flags=0x18, counts=False)
        await pages.browser.visit(lab.target.issuer + HERE)
        lab.works(await _Person(lab, pages.http).add(keys), "adding a passkey")
        thief = _Person(lab)
        credential = keys.get(await thief.options("/sign-in/passkey"))
        form, before = {"csrf": await thief.csrf(), "credential": credential}, dict(thief.http.cookies)
        address = f"{lab.target.issuer}/sign-in/passkey"
        lab.shows((await thief.http.post(address, data=form)).is_redirect, "the honest answer fails")
        again = lab.stranger()
        again.cookies.update(before)
        lab.refuses(await again.post(address, data=form), "the same answer once more")


@attack("XD-AUTH-04", Need.PAGES, Need.OWN)
async def a_thief_adds_a_passkey_to_stay(outside: Lab) -> None:
    """With a stolen session add a passkey, with a stolen password another, and look whether the person is told."""
    async with outside.instance() as (lab, machine):
        person, keys = await _with_passkey(lab)
        told = await person.http.get(lab.target.issuer + HERE)
        lab.holds('data-value="passkey-added"' in told.text, "nobody is told that a passkey was added")
        by_password = lab.other_browser()
        await by_password.browser.visit(lab.target.issuer + HERE)
        mine = Authenticator(lab.target.issuer)
        await _refused(lab, _Person(lab, by_password.http), mine, "a stolen password adds a passkey")
        stolen = _Person(lab)
        lab.shows((await stolen.enter(keys)).is_redirect, "the passkey does not sign in")
        machine.ahead += WHILE
        await _refused(lab, stolen, mine, "a stolen session adds a passkey")
        for path, fields in (("/account/recovery-codes", {}), ("/account/password", {"password": "a thief's own"})):
            answer = await stolen.send(path, **fields)
            lab.holds(_sent_to_sign_in(answer), f"a stolen session changes {path}")


async def _refused(lab: Lab, thief: _Person, mine: Authenticator, finding: str) -> None:
    """Whoever tries is sent to sign in, and what they tried to add opens nothing."""
    answer = await thief.add(mine)
    lab.holds(_sent_to_sign_in(answer), finding)
    lab.refuses(await _Person(lab).enter(mine), "a passkey that was not added")


def _sent_to_sign_in(answer: httpx2.Response) -> bool:
    return answer.is_redirect and answer.headers["Location"].startswith("/sign-in?anew=yes")
