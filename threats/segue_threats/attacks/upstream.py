"""XD-AUTH-05: signing in at another provider, whose word is taken for more than it is.

OpenID Connect Core sections 3.1.3.7 and 16, RFC 9207 section 2.4. Expected: an account is found by issuer and subject,
and only by an answer to what this very browser has asked.
"""

import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from segue.clock import now
from segue.jose import b64url_encode

from segue_threats.attack import Need, attack
from segue_threats.forge import Key, compact, part
from segue_threats.identity_provider import CLIENT_ID, Asked, IdentityProvider, Visit, identity_provider
from segue_threats.lab import Lab

STRONG = "phr"
"""The authentication context class of a passkey (EAP ACR Values 1.0 section 2)."""


@asynccontextmanager
async def providers(outside: Lab) -> AsyncIterator[tuple[Lab, IdentityProvider, IdentityProvider]]:
    """A lab at a server at which people sign in by the one or by the other, with the first of them seen to work."""
    async with (
        identity_provider("provider-0") as honest,
        identity_provider("provider-1") as other,
        outside.instance() as (lab, machine),
    ):
        await machine.let_in(honest.issuer, other.issuer, client_id=CLIENT_ID)
        visit = Visit(lab.stranger(), lab.target.issuer)
        asked = await visit.begin(honest)
        honest.says(honest.signed(honest.claims(asked)))
        await visit.come_back(asked, iss=honest.issuer)
        lab.shows(await visit.signed_in(), "nobody can sign in at another provider")
        yield lab, honest, other


def altered(honest: IdentityProvider, asked: Asked) -> dict[str, str]:
    """ID tokens of which none is an honest answer."""
    claims, stranger = honest.claims(asked), Key()
    published = json.dumps(honest.key.jwk).encode()
    signed = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(claims)}"
    tag = b64url_encode(hmac.digest(published, signed.encode(), "sha256"))
    wrong: dict[str, dict[str, object]] = {
        "another nonce": {"nonce": "n" * 43},
        "no nonce": {"nonce": None},
        "another issuer": {"iss": "https://other.example"},
        "another audience": {"aud": "somebody-else"},
        "a further audience": {"aud": [CLIENT_ID, "somebody-else"]},
        "another party": {"azp": "somebody-else"},
        "a time that is over": {"exp": now() - 3600},
        "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    }
    return {what: honest.signed(honest.claims(asked, **changes)) for what, changes in wrong.items()} | {
        "no signature": compact({"alg": "none"}, claims, None),
        "a signature of a stranger": honest.signed(claims, key=stranger),
        "a key that it brings along": honest.signed(claims, key=stranger, jwk=stranger.jwk),
        "the public key as a secret": f"{signed}.{tag}",
    }


@attack("XD-AUTH-05", Need.PAGES, Need.OWN, Need.INSIDE)
async def an_answer_is_altered_or_injected(outside: Lab) -> None:
    """Answer with ID tokens that are wrong in one thing, from another issuer, and in another browser; answer twice."""
    async with providers(outside) as (lab, honest, other):
        visit = Visit(lab.stranger(), lab.target.issuer)
        for what in altered(honest, Asked("", "", "")):
            asked = await visit.begin(honest)
            honest.says(altered(honest, asked)[what])
            lab.refuses(await visit.come_back(asked, iss=honest.issuer), f"an ID token with {what}")
            lab.holds(not await visit.signed_in(), f"somebody is signed in by an ID token with {what}")
        asked = await visit.begin(honest)
        honest.says(honest.signed(honest.claims(asked)))
        other.says(honest.signed(honest.claims(asked)))
        victim = Visit(lab.stranger(), lab.target.issuer)
        await victim.begin(honest)
        lab.refuses(await victim.come_back(asked, iss=honest.issuer), "an answer that another browser asked for")
        lab.holds(not await victim.signed_in(), "the victim is signed in as the attacker")
        lab.refuses(await visit.come_back(asked, at=other.name, iss=honest.issuer), "an answer to another provider")
        lab.refuses(await visit.come_back(asked, iss=other.issuer), "an answer of another issuer")
        lab.refuses(await visit.come_back(asked, state="x" * 43, iss=honest.issuer), "an answer with an invented state")
        lab.holds(not await visit.signed_in(), "somebody is signed in by an answer of another issuer")
        asked = await visit.begin(honest)
        honest.says(honest.signed(honest.claims(asked)))
        await visit.come_back(asked, iss=honest.issuer)
        lab.refuses(await visit.come_back(asked, iss=honest.issuer), "an answer that has been used")


@attack("XD-AUTH-05", Need.PAGES, Need.OWN, Need.INSIDE)
async def another_provider_knows_the_same_person(outside: Lab) -> None:
    """Link an account; then sign in at another provider by the same subject, name and mail, and link it once more."""
    async with providers(outside) as (lab, honest, other):
        person, http = lab.target.configuration.people[0], lab.stranger()
        lab.works(await lab.sign_in(http, username=person.username, password=person.password), "the password")
        visit = Visit(http, lab.target.issuer)
        asked = await visit.begin_linking(honest)
        honest.says(honest.signed(honest.claims(asked, sub="them")))
        lab.works(await visit.come_back(asked, iss=honest.issuer), "linking")
        (account,) = [row for row in lab.inside.rows("accounts") if row["username"] == person.username]
        named = {"email": person.username, "email_verified": True, "preferred_username": person.username}
        before = sessions_of(lab, account["subject"])
        for sub in ("them", person.username, account["subject"]):
            thief = Visit(lab.stranger(), lab.target.issuer)
            asked = await thief.begin(other)
            other.says(other.signed(other.claims(asked, sub=sub, **named)))
            await thief.come_back(asked, iss=other.issuer)
            lab.holds(sessions_of(lab, account["subject"]) == before, "another provider signs in to the account")
            owners = {row["subject"] for row in identities(lab, other.issuer)}
            lab.holds(account["subject"] not in owners, "another provider's person is linked to the account")
        stranger = lab.target.configuration.people[1]
        thief = Visit(lab.stranger(), lab.target.issuer)
        await lab.sign_in(thief.http, username=stranger.username, password=stranger.password)
        asked = await thief.begin_linking(honest)
        honest.says(honest.signed(honest.claims(asked, sub="them")))
        lab.refuses(await thief.come_back(asked, iss=honest.issuer), "linking what is somebody else's")
        owners = {row["subject"] for row in identities(lab, honest.issuer) if row["sub"] == "them"}
        lab.holds(owners == {account["subject"]}, "the identity has another owner")


@attack("XD-AUTH-05", Need.PAGES, Need.OWN, Need.INSIDE)
async def a_weak_sign_in_elsewhere_counts_as_a_strong_one(outside: Lab) -> None:
    """Have the provider call its sign-in as strong as a passkey here; bring an old sign-in where a fresh one is due."""
    async with providers(outside) as (lab, honest, _):
        visit = Visit(lab.stranger(), lab.target.issuer)
        asked = await visit.begin(honest)
        honest.says(honest.signed(honest.claims(asked, sub="weak", acr=STRONG, amr=["pop", "user", "mfa"])))
        lab.works(await visit.come_back(asked, iss=honest.issuer, acr=STRONG), "a sign-in elsewhere")
        strengths = {row["acr"] for row in lab.inside.rows("browser_sessions")}
        lab.holds(STRONG not in strengths, "what another provider calls strong is strong here")
        methods = {row["amr"] for row in lab.inside.rows("browser_sessions")}
        lab.holds(not any("mfa" in (each or "") for each in methods), "its methods are taken for ours")
        for auth_time in (now() - 7200, None):
            visit = Visit(lab.stranger(), lab.target.issuer)
            asked = await visit.begin(honest, anew=True)
            honest.says(honest.signed(honest.claims(asked, auth_time=auth_time)))
            answer = await visit.come_back(asked, iss=honest.issuer, auth_time=str(now()))
            lab.refuses(answer, "an old sign-in where a fresh one is due")
            lab.holds(not await visit.signed_in(), "an old sign-in counts as a fresh one")


def identities(lab: Lab, issuer: str) -> list[dict[str, object]]:
    return [dict(row) for row in lab.inside.rows("upstream_identities") if row["issuer"] == issuer]


def sessions_of(lab: Lab, subject: str) -> int:
    return sum(row["subject"] == subject for row in lab.inside.rows("browser_sessions"))
