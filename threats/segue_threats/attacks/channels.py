"""XD-WEB-05, XD-WEB-08, XD-META-02, XD-PUSH-12, XD-PRIV-01: what travels beside the flow, and to whom.

RFC 9700 sections 4.2 and 4.3, RFC 9728 section 7, ASVS 5.0 sections 4.4 and 6.3.8. Expected: codes stand in no address
that is kept, live channels open for a token and its proof alone, and clients go where they were set up to go.
"""

import re
import time
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx2
from segue_client.device import Device as ReferenceDevice
from segue_client.device import Refused
from segue_client.protected_resource import described
from segue_client.push_transfer import scanned_code

from segue_threats.attack import Need, PreconditionFailed, attack
from segue_threats.device import members_of
from segue_threats.lab import Lab

EVENTS = ("Accept", "text/event-stream")
HOSTILE_ORIGINS = ("https://evil.example", "null", "http://localhost:1")
ROUNDS = 9
"""Sign-ins of each kind whose times are compared."""
CLOSE = 0.5
"""How much of the longer time the shortest ones may differ: without a hash one would be next to nothing."""
_FOREIGN = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//([^"'/]+)""")
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@attack("XD-WEB-05", Need.PULL, Need.PAGES)
async def a_code_is_left_in_an_address(lab: Lab) -> None:
    """Open the link with a user code as a mail scanner, a signed-out and a signed-in person; look where it is left."""
    grant = await lab.begin()
    asked = members_of(lab.works(await lab.ask_answer(lab.phone()), "a pull"))
    link = str(asked.get("verification_uri_complete") or asked["verification_uri"])
    sent, _, fragment = link.partition("#")
    lab.holds(str(asked["user_code"]) not in sent, "the code stands in the part of the link that servers see")
    lab.holds(fragment, "the link carries no code")
    offer = await lab.offer(grant)
    pages = [sent, lab.target.issuer + "/device", offer.confirmation_uri, f"{lab.target.issuer}/devices"]
    for browser in (lab.other_browser().http, lab.pages().http):
        for address in pages:
            answer = await browser.get(address, follow_redirects=True)
            lab.holds(not answer.is_server_error, f"{urlsplit(address).path} fails")
            for page in (*answer.history, answer):
                what = urlsplit(str(page.url)).path
                lab.holds(page.is_redirect or _policy(page) == "no-referrer", f"{what} tells where it was opened")
                for code in (str(asked["user_code"]), offer.handle, offer.transfer_code):
                    lab.holds(code not in f"{page.url}{page.headers.get('Location', '')}", f"{what} keeps a code")
                    title = _TITLE.search(page.text)
                    lab.holds(title is None or code not in title[1], f"the title of {what} shows a code")
                own = urlsplit(lab.target.issuer).netloc
                foreign = {host for host in _FOREIGN.findall(page.text) if host != own}
                lab.holds(not foreign, f"{what} fetches from {', '.join(sorted(foreign))}")
    entered = await lab.pages().browser.enter_code(str(asked["verification_uri"]), user_code=str(asked["user_code"]))
    lab.works(entered, "entering the code")
    lab.holds(str(asked["user_code"]) not in str(entered.url), "the address of the decision holds the code")


def _policy(page: httpx2.Response) -> str:
    return str(page.headers.get("Referrer-Policy", "")).strip().lower()


@attack("XD-WEB-08", Need.CODE, Need.PUSH, Need.TASK_STORE, Need.PAGES)
async def a_page_elsewhere_listens_in(lab: Lab) -> None:
    """Open the live channels of a task and of a transfer from hostile origins, with the person's cookies alone."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    lab.works(await grant.at("GET", "/events"), "the device's own read")
    status = f"{lab.target.endpoint('transfer')}/{offer.transfer_id}"
    channels = [f"{grant.address}/events", f"{grant.address}/presence", f"{grant.address}/drafts", status]
    cookies = lab.pages().http
    for origin in HOSTILE_ORIGINS:
        for address in channels:
            for headers in ({}, {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.cookies.items())}):
                asked = {"Origin": origin, EVENTS[0]: EVENTS[1], **headers}
                answer = await cookies.get(address, headers=asked)
                lab.refuses(answer, f"{urlsplit(address).path} for a page of {origin}", statuses={401})
                allowed = answer.headers.get("Access-Control-Allow-Credentials")
                lab.holds(allowed != "true", "a page elsewhere may read with cookies")
            upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
            answer = await cookies.get(
                address, headers={**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin}
            )
            lab.holds(answer.status_code != 101, f"a WebSocket is opened for {origin}")
    token = await cookies.get(f"{grant.address}/events?{urlencode({'access_token': grant.access_token})}")
    lab.refuses(token, "a token in the address of a stream", statuses={400, 401})
    state = await lab.at_transfer(grant, "GET", f"/{offer.transfer_id}")
    lab.works(state, "the device's own look at the transfer")
    for secret in (offer.handle, offer.transfer_code, claim.device_code):
        lab.holds(secret not in state.text, "the channel of a transfer tells a code")
    lab.holds("check_value" not in members_of(state), "the channel of a transfer tells the check value")


@attack("XD-META-02", Need.CODE, Need.TASK_STORE)
async def a_token_for_a_foreign_resource_is_asked_for(lab: Lab) -> None:
    """Ask for tokens for resources that the server does not know, and read what the resource says of itself."""
    grant = await lab.begin()
    lab.works(await grant.refresh(), "the honest refresh")
    store = str(lab.target.configuration.task_store)
    challenged = await lab.http.get(f"{grant.address}/events")
    lab.refuses(challenged, "reading without a token", statuses={401})
    address = re.search(r'resource_metadata="([^"]+)"', challenged.headers.get("WWW-Authenticate", ""))
    lab.holds(address and urlsplit(address[1]).netloc == urlsplit(store).netloc, "the challenge leads elsewhere")
    told = members_of(await lab.http.get(address[1] if address else store))
    lab.holds(told.get("resource") == store, f"the resource says that it is {told.get('resource')}")
    lab.holds(told.get("authorization_servers") == [lab.target.issuer], "the resource names other issuers")
    for foreign in ("https://evil.example", store + "/", store.upper(), store + ".evil.example", f"{store}/tasks", "x"):
        answer = await (await lab.begin()).refresh(resource=foreign)
        lab.refuses(answer, f"a token for {foreign}", errors={"invalid_target", "invalid_request"})


@attack("XD-META-02", Need.OWN)
async def a_resource_lures_the_reference_client(lab: Lab) -> None:
    """Challenge the reference client with metadata of another resource, of none, and of no authorization server."""
    here = "https://agent.example/mcp"
    good: dict[str, object] = {"resource": here, "authorization_servers": ["https://id.example"]}
    lures: list[dict[str, object]] = [
        {**good, "resource": "https://bank.example"},
        {**good, "resource": f"{here}/"},
        {},
        {"resource": here},
    ]

    async def ask(document: dict[str, object]) -> str:
        def answer(request: httpx2.Request) -> httpx2.Response:
            if str(request.url) == here:
                return httpx2.Response(401, headers={"WWW-Authenticate": f'DPoP resource_metadata="{here}/metadata"'})
            return httpx2.Response(200, json=document)

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            return (await described(await http.get(here), http=http)).issuer

    lab.holds(await ask(good) == "https://id.example", "the reference client does not read honest metadata")
    lab.proved += 1
    for lure in lures:
        lab.step(f"the reference client is challenged by {here}, whose metadata say {lure}")
        try:
            issuer = await ask(lure)
        except Refused:
            issuer = ""
        lab.holds(not issuer, f"the reference client goes on to {issuer} for {lure}")


@attack("XD-PUSH-12", Need.PUSH, Need.OWN)
async def a_rogue_issuer_harvests_codes(lab: Lab) -> None:
    """Show the reference client codes that name another issuer, and metadata that names another one."""
    issuer, offer = lab.target.issuer, await lab.offer(await lab.begin())
    lab.holds(scanned_code(offer.transfer_uri, issuer=issuer) == offer.handle, "an honest code is not read")
    lab.proved += 1
    address, _, fragment = offer.transfer_uri.partition("#")
    told = parse_qs(fragment)
    rogues = ["https://evil.example", f"{issuer}/", issuer.upper(), f"{issuer}.evil.example", issuer + "%00", ""]
    for rogue in rogues:
        members = urlencode({"iss": rogue, "transfer_code": told["transfer_code"][0]})
        lab.step(f"the reference client scans a code that names {rogue!r}")
        for shown in (members, f"{members}&iss={quote(issuer, safe='')}", f"iss={quote(issuer, safe='')}&{members}"):
            lab.holds(not _read(f"{address}#{shown}", issuer), f"a code that names {rogue!r} is sent on")
    for named in (*rogues, None):
        document = {**lab.target.metadata, "issuer": named, "token_endpoint": "https://evil.example/token"}

        def answer(_: httpx2.Request, document: dict[str, object] = document) -> httpx2.Response:
            return httpx2.Response(200, json=document)

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            device = ReferenceDevice(issuer=issuer, client_id="reference", http=http)
            try:
                endpoint = (await device.metadata())["token_endpoint"]
            except Refused:
                endpoint = ""
        lab.holds(not endpoint, f"the reference client believes the metadata of {named!r}")


def _read(transfer_uri: str, issuer: str) -> str:
    try:
        return scanned_code(transfer_uri, issuer=issuer)
    except ValueError:
        return ""


@attack("XD-PRIV-01", Need.PAGES, Need.PEOPLE)
async def who_exists_is_found_out(lab: Lab) -> None:
    """Sign in with wrong passwords as people who exist and as others, and compare the answers and their times."""
    people = [person.username for person in lab.target.configuration.people if person.username]
    lab.works(await lab.pages().browser.visit(f"{lab.target.issuer}/devices"), "the honest sign-in")
    told: dict[bool, list[tuple[object, ...]]] = {True: [], False: []}
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        for exists, name in ((True, people[number % len(people)]), (False, f"nobody-{number}")):
            answer, seconds = await _wrong_password(lab, name)
            if answer.status_code == 429:
                raise PreconditionFailed("the server lets nobody try so often")
            shown = answer.text.replace(name, "…")
            kept = sorted(name for name in answer.headers if name.lower() not in ("date", "content-length"))
            told[exists].append((answer.status_code, re.sub(r'name="csrf" value="[^"]*"', "", shown), tuple(kept)))
            times[exists].append(seconds)
    lab.holds(set(told[True]) == set(told[False]), "the answers tell who exists")
    lab.holds(len(set(told[True])) == 1, "the answers differ from one person to the next")
    known, unknown = min(times[True]), min(times[False])
    lab.step(f"at least {1000 * known:.0f} ms for people who exist and {1000 * unknown:.0f} ms for others")
    lab.holds(abs(known - unknown) <= CLOSE * max(known, unknown), "the time tells who exists")


async def _wrong_password(lab: Lab, username: str) -> tuple[httpx2.Response, float]:
    http = lab.other_browser().http
    page = await http.get(f"{lab.target.issuer}/sign-in")
    fields = dict(re.findall(r'name="(csrf|return_to)" value="([^"]*)"', page.text))
    begin = time.monotonic()
    answer = await http.post(str(page.url), data={**fields, "username": username, "password": "not this one"})
    return answer, time.monotonic() - begin
