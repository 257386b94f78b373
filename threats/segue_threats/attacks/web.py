"""XD-WEB: what a hostile page, a neighbour or a forged header can do to a person's browser.

ASVS 5.0 chapters 3 and 7. Expected: a decision comes from the page that showed it, in the browser that opened it.
"""

from urllib.parse import urljoin, urlsplit

import httpx2

from segue_threats.attack import Need, attack
from segue_threats.forging import Forge, with_fields, with_header
from segue_threats.lab import Lab

FOR_DEVICES = ("/token", "/transfer/claim")
"""Endpoints without cookies, which pages of any origin may call."""


@attack("XD-WEB-01", Need.PUSH, Need.PAGES)
async def a_decision_is_forged(lab: Lab) -> None:
    """Send the decision without the form's secret, with an invented one, from another origin, and by a link."""
    grant = await lab.begin()
    forgeries: dict[str, Forge] = {
        "without the form's secret": lambda request: with_fields(request, csrf=None),
        "with an invented secret": lambda request: with_fields(request, csrf="x" * 43),
        "with an empty secret": lambda request: with_fields(request, csrf=""),
        "as plain text": lambda request: with_header(request, "Content-Type", "text/plain"),
    }
    for what, forge in forgeries.items():
        offer, claim = await lab.claimed(grant, mode="share")
        lab.step(f"the decision {what}")
        await lab.tries(lab.forged(forge).confirm(offer.confirmation_uri, claim.check_value))
        lab.holds((await lab.state(grant, offer)).get("state") == "claimed", f"a decision {what} counts")
    linked = {"check_value": claim.check_value, "decision": "approve"}
    await lab.pages().http.get(offer.confirmation_uri, params=linked)
    lab.holds((await lab.state(grant, offer)).get("state") == "claimed", "a link decides")
    await lab.confirm(offer, claim.check_value)
    lab.works(await lab.poll(claim), "the honest decision")


@attack("XD-WEB-01", Need.PUSH, Need.PAGES)
async def another_origin_sends_the_decision(lab: Lab) -> None:
    """Post the decision, with all that the form holds, from another origin and from another site."""
    grant = await lab.begin()
    places = [("Origin", "https://evil.example"), ("Origin", lab.target.issuer + ".evil.example")]
    places += [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")]
    for name, value in places:
        offer, claim = await lab.claimed(grant, mode="share")

        def forge(request: httpx2.Request, name: str = name, value: str = value) -> httpx2.Request:
            return with_header(request, name, value)

        await lab.tries(lab.forged(forge).confirm(offer.confirmation_uri, claim.check_value))
        lab.holds((await lab.state(grant, offer)).get("state") == "claimed", f"a decision with {name} {value} counts")
    await lab.confirm(offer, claim.check_value)
    lab.works(await lab.poll(claim), "the honest decision")


@attack("XD-WEB-03", Need.PAGES, Need.TASK_STORE)
async def signing_in_leads_elsewhere(lab: Lab) -> None:
    """Name hostile addresses to return to after signing in."""
    own = urlsplit(lab.target.issuer).netloc
    hostile = (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "@evil.example",
    )
    for return_to in hostile:
        browser = lab.other_browser()
        page = await browser.http.get(f"{lab.target.issuer}/sign-in", params={"return_to": return_to})
        lab.works(page, "the page to sign in")

        def forge(request: httpx2.Request, return_to: str = return_to) -> httpx2.Request:
            return with_fields(request, return_to=return_to)

        landed = await lab.signed_in(forge)
        place = urlsplit(urljoin(lab.target.issuer, landed)).netloc
        lab.holds(place == own, f"signing in with {return_to!r} leads to {landed}")


@attack("XD-WEB-06", Need.PAGES, Need.TASK_STORE)
async def a_session_is_planted(lab: Lab) -> None:
    """Note the cookie before signing in, and use it afterwards; keep the cookie of a session that was signed out."""
    browser = lab.other_browser()
    await browser.http.get(f"{lab.target.issuer}/sign-in")
    planted = dict(browser.http.cookies)
    await lab.tries(browser.browser.enter_code(f"{lab.target.issuer}/device", user_code="BCDF-GHJK"))
    grown = dict(browser.http.cookies)
    lab.holds(planted != grown, "the cookie is the same before and after signing in")
    lab.works(await browser.http.get(f"{lab.target.issuer}/devices"), "the page of a signed-in person")
    thief = lab.other_browser().http
    thief.cookies.update(planted)
    answer = await thief.get(f"{lab.target.issuer}/devices")
    lab.holds(answer.is_redirect or answer.is_error, "a cookie from before signing in is signed in")


@attack("XD-WEB-07", Need.TASK_STORE)
async def foreign_origins_read_with_cookies(lab: Lab) -> None:
    """Ask from hostile origins whether a page may read answers with the person's cookies."""
    page = lab.pages().http
    issuer = lab.target.issuer
    lab.works(await page.get(lab.target.metadata_address), "the metadata")
    for origin in ("https://evil.example", "null", f"{issuer}.evil.example", f"https://evil.example/{issuer}"):
        for path in ("/", "/sign-in", "/device", "/devices", "/authorize", "/token", "/transfer/claim"):
            for method in ("GET", "OPTIONS"):
                headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                answer = await page.request(method, issuer + path, headers=headers)
                allowed = answer.headers.get("Access-Control-Allow-Credentials", "")
                lab.holds(allowed != "true", f"{path} lets {origin} read with cookies")
                shown = answer.headers.get("Access-Control-Allow-Origin")
                lab.holds(
                    shown is None or path in ("/token", "/transfer/claim"), f"the page {path} is open to {origin}"
                )


@attack("XD-WEB-09")
async def a_forged_host_stands_in_links(lab: Lab) -> None:
    """Forge Host and forwarding headers and look for the name in metadata, pages and redirects."""
    place = lab.target.metadata_address
    honest = lab.works(await lab.http.get(place), "the metadata")
    names = ("Host", "X-Forwarded-Host", "X-Forwarded-Server", "Forwarded", "X-Original-Host")
    for name in names:
        value = "host=evil.example" if name == "Forwarded" else "evil.example"
        for address in (place, lab.target.issuer + "/", lab.target.endpoint("token")):
            answer = await lab.http.get(address, headers={name: value})
            told = answer.text + str(answer.headers)
            lab.holds("evil.example" not in told, f"{address} repeats a forged {name}")
        again = await lab.http.get(place, headers={name: value})
        lab.holds(again.is_error or again.json() == honest.json(), f"{name} changes the metadata")


@attack("XD-WEB-10", Need.PAGES, Need.TASK_STORE)
async def the_session_cookie_is_loose(lab: Lab) -> None:
    """Look at the flags of every cookie."""
    answer = lab.works(await lab.other_browser().http.get(f"{lab.target.issuer}/sign-in"), "the page to sign in")
    cookies = answer.headers.get_list("Set-Cookie")
    lab.holds(cookies, "no cookie is set")
    secure = lab.target.issuer.startswith("https")
    for cookie in cookies:
        flags = {flag.strip().lower() for flag in cookie.split(";")[1:]}
        lab.holds("httponly" in flags, "a script may read the cookie")
        lab.holds(flags & {"samesite=lax", "samesite=strict"}, "the cookie goes along from other sites")
        lab.holds(not any(flag.startswith("domain") for flag in flags), "the cookie goes to neighbours")
        lab.holds(not secure or ("secure" in flags and cookie.startswith("__Host-")), "the cookie has no prefix")
