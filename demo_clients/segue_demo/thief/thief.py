"""A thief with a key of their own and, at a time, one thing of somebody else's. What is it worth?

Each kind of goods has its findings. In between the person goes on with what was stolen, so it was not dead anyway.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx2
from segue_authz.domain.bound_session import BOUND_COOKIE_LIFETIME, IN_FLIGHT, SETTLING
from segue_client import authorization, device_code, push_transfer
from segue_client.device import Device, Refused

from segue_demo.bound_session import BoundSession, proof
from segue_demo.browser import Browser
from segue_demo.thief.finding import Finding, tried
from segue_demo.thief.victim import Victim


class Thief:
    """`http` keeps the cookies that are stolen; `with_keys` has stolen the devices' keys as well."""

    def __init__(self, victim: Victim, *, http: httpx2.AsyncClient, with_keys: bool = False) -> None:
        self._victim = victim
        self._http = http
        self._site = victim.site
        self._phone = self._as(victim.phone, with_key=with_keys)
        self._desktop = self._as(victim.grant.device, with_key=with_keys)

    async def codes(self) -> AsyncIterator[Finding]:
        """Off the desktop's screen, out of the phone's memory, out of the address that a sign-in comes back to."""
        victim = self._victim
        offer = await push_transfer.start(victim.grant, mode="share")
        claim = await push_transfer.claim(victim.phone, transfer_code=offer.transfer_code, device_name="Phone")
        yield await tried(
            "transfer code",
            "photographed, and claimed after the phone",
            self._form(self._phone, "transfer_claim_endpoint", transfer_code=offer.transfer_code, device_name="Phone"),
            refused_with="invalid_grant",
            because="the first key that claims is bound to the transfer, and the desktop warns the person",
        )
        yield await tried(
            "transfer code",
            "the phone's own claim sent again, proof and all",
            self._replay("/transfer/claim"),
            refused_with="invalid_dpop_proof",
            because="a proof is accepted once",
        )
        yield await tried(
            "device code",
            "polled for the tokens with the thief's key",
            self._poll(claim.device_code),
            refused_with="invalid_grant",
            because="the device code is worth nothing without the key that claimed",
        )
        await victim.browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
        await push_transfer.redeem(victim.phone, claim)
        yield await tried(
            "transfer code",
            "claimed before the phone, which the person then sees and declines",
            self._claim_first(),
            refused_with="access_denied",
            because="nothing is released before the person types the number that their own phone shows",
        )
        request, answer = await victim.begin(victim.grant.device)
        form = {"code": answer["code"], "redirect_uri": request.redirect_uri, "code_verifier": request.verifier}
        yield await tried(
            "authorization code",
            "redeemed with the thief's key, and the verifier stolen too",
            self._form(self._desktop, "token_endpoint", grant_type="authorization_code", **form),
            refused_with="invalid_grant",
            because="the request named the key that may redeem (dpop_jkt)",
        )
        await (await authorization.finish(victim.grant.device, request, answer)).end()

    async def tokens(self) -> AsyncIterator[Finding]:
        """An access token out of a log, with or without the whole request that it was in."""
        victim, resume = self._victim, self._victim.resume
        token = await victim.grant.token(self._site.store)
        await victim.grant.call("GET", resume, audience=self._site.store)
        yield await tried(
            "access token",
            "sent as a bearer token",
            self._http.get(resume, headers={"Authorization": f"Bearer {token}"}),
            refused_with="invalid_token",
            because="a task token is bound to a key, and the store takes no bearer tokens",
        )
        yield await tried(
            "access token",
            "sent with a proof by the thief's key",
            self._desktop.send("GET", resume, access_token=token),
            refused_with="invalid_token",
            because="the token names the thumbprint of the key that has to prove itself (cnf.jkt)",
        )
        yield await tried(
            "access token",
            "the person's whole request sent again",
            self._replay("/resume"),
            refused_with="invalid_dpop_proof",
            because="a proof is accepted once",
        )
        await victim.ask_in_vain()
        yield await tried(
            "access token",
            "the proof of a request that never arrived put to another one",
            self._replay("/resume", to=resume.replace("/resume", "/events")),
            refused_with="invalid_dpop_proof",
            because="a proof is for one method and one address",
        )
        await victim.grant.call("GET", resume, audience=self._site.store)

    async def refresh_tokens(self) -> AsyncIterator[Finding]:
        """Out of the desktop's storage."""
        grant = self._victim.grant
        await self._victim.refresh()
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
        yield await tried(
            "refresh token",
            "refreshed with the thief's key",
            self._form(self._desktop, "token_endpoint", **form),
            refused_with="invalid_grant",
            because="only the key of the grant may use its refresh token",
        )
        yield await tried(
            "refresh token",
            "the desktop's own refresh sent again, proof and all",
            self._replay("/token"),
            refused_with="invalid_dpop_proof",
            because="a proof is accepted once",
        )
        await self._victim.refresh()
        yield await tried(
            "refresh token",
            "one that is spent, with the thief's key",
            self._form(self._desktop, "token_endpoint", **form),
            refused_with="invalid_grant",
            because="it has been used, and somebody else's use of it ends the grant: the theft is noticed",
        )

    async def cookies(self) -> AsyncIterator[Finding]:
        """Out of the browser in which the person is signed in at the authorization server. It signs them out."""
        self._http.cookies = httpx2.Cookies(self._victim.cookies)
        yield await tried(
            "cookie",
            "shown to the task store",
            self._http.get(self._victim.resume),
            refused_with="token-required",
            because="no resource server honours a cookie",
        )
        yield await tried(
            "cookie",
            "used to answer a form that the thief has never seen",
            self._http.post(f"{self._site.issuer}/device", data={"user_code": "BCDF-GHJK"}),
            refused_with="403",
            because="a form carries a token of the page it was on",
        )
        yield await tried(
            "cookie",
            "put into the thief's browser to let the thief's own device in",
            self._sign_in(),
            refused_with="sign_in_first",
            because="this browser has bound its session to no key; what ends it is signing out",
        )
        await self._victim.browser.sign_out(self._site.issuer)
        yield await tried(
            "cookie",
            "used after the person has signed out",
            self._http.get(f"{self._site.issuer}/devices"),
            refused_with="sign_in_first",
            because="signing out ends the session at the server",
        )

    async def bound_cookies(self) -> AsyncIterator[Finding]:
        """Out of a browser that binds its session to a key of its device (DBSC)."""
        site, victim = self._site, self._victim
        async with victim.bound_browser() as (pages, session):
            short_lived = session.instructions["credentials"][0]["name"]
            yield await tried(
                "cookie of a bound session",
                "the session bound once more, to the thief's key",
                self._bind_again(pages, session),
                refused_with="invalid_request",
                because="a session is bound once, right after the sign-in, by the answer that only its browser got",
            )
            await asyncio.sleep(SETTLING)
            self._http.cookies = httpx2.Cookies(pages.cookies)
            yield await tried(
                "cookie of a bound session",
                "copied with the short-lived one, and used within its minutes",
                self._http.get(f"{site.issuer}/devices"),
                refused_with="sign_in_first",
                because=f"the copy of the short-lived cookie ends {BOUND_COOKIE_LIFETIME + IN_FLIGHT} seconds after",
            )
            self._http.cookies.delete(short_lived)
            yield await tried(
                "cookie of a bound session",
                "put into the thief's browser once the short-lived one has ended",
                self._sign_in(),
                refused_with="sign_in_first",
                because="a bound session is worth nothing without a fresh proof of its key",
            )
            yield await tried(
                "cookie of a bound session",
                "a new short-lived one asked for, with the thief's key",
                self._refresh_as(session),
                refused_with="invalid_request",
                because="the key that was bound has to sign a new challenge",
            )

    def _as(self, device: Device, *, with_key: bool) -> Device:
        """The same application on the thief's machine."""
        key = device.key if with_key else None
        return Device(issuer=device.issuer, client_id=device.client_id, http=self._http, key=key)

    async def _bind_again(self, pages: httpx2.AsyncClient, session: BoundSession) -> httpx2.Response:
        """By the very answer that offered it, which a thief of cookies does not have."""
        self._http.cookies = httpx2.Cookies(pages.cookies)
        return await BoundSession(self._http).register(session.offer)

    async def _refresh_as(self, session: BoundSession) -> httpx2.Response:
        mine = BoundSession(self._http)
        mine.instructions, mine.refresh_address = session.instructions, session.refresh_address
        await mine.ask(None)
        return await mine.ask(proof(mine.key, {"jti": mine.challenge}))

    async def _claim_first(self) -> httpx2.Response:
        offer = await push_transfer.start(self._victim.grant, mode="share")
        claim = await push_transfer.claim(self._phone, transfer_code=offer.transfer_code, device_name="Phone")
        early = await self._poll(claim.device_code)
        if Refused.from_answer(early).error != "authorization_pending":
            return early
        await self._victim.browser.confirm(offer.confirmation_uri, check_value="", decision="deny")
        return await self._poll(claim.device_code)

    async def _sign_in(self) -> httpx2.Response:
        """All the way to the person's task at the thief's device; what came of it is given back."""
        site, device = self._site, self._desktop
        request = await authorization.begin(
            device, redirect_uri=site.desktop_redirect_uri, actions=["task:read"], task_id=self._victim.grant.task_id
        )
        page = await self._http.get(request.url)
        if page.status_code != httpx2.codes.OK:
            return page
        browser = Browser(self._http, username="", password="")
        task = self._victim.grant.task_id
        answer = await browser.authorize(request.url, redirect_uri=request.redirect_uri, task=task)
        grant = await authorization.finish(device, request, answer)
        read = await grant.request("GET", self._victim.resume, audience=site.store)
        await grant.end()
        return read

    async def _poll(self, code: str) -> httpx2.Response:
        return await self._form(self._phone, "token_endpoint", grant_type=device_code.GRANT_TYPE, device_code=code)

    async def _form(self, device: Device, endpoint: str, **fields: str) -> httpx2.Response:
        url = (await device.metadata())[endpoint]
        return await device.send("POST", url, data={"client_id": device.client_id, **fields})

    async def _replay(self, path: str, *, to: str | None = None) -> httpx2.Response:
        """The person's last accepted request to an address that ends so, word for word; or `to` another address."""
        heard = next(sent for sent in reversed(self._victim.wire.heard) if sent.url.path.endswith(path))
        headers = {
            name: heard.headers[name] for name in ("DPoP", "Authorization", "Content-Type") if name in heard.headers
        }
        return await self._http.request(heard.method, to or str(heard.url), headers=headers, content=heard.content)
