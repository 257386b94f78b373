"""XD-BACK: a client makes a person's devices ring by knowing a name (CIBA Core 1.0; RFC 10027 section 4.3).

Expected: nobody is asked by strangers, nobody is worn down, nobody is found out, and only who was named decides.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from segue.clock import now
from segue_client.backchannel import Asked as Expected
from segue_client.backchannel import Notifications
from starlette.applications import Starlette
from starlette.routing import Route

from segue_threats.attack import Need, attack
from segue_threats.attacks.pull import WAITING
from segue_threats.attacks.push import wrong
from segue_threats.backchannel import (
    Asked,
    acquainted,
    approved,
    ask,
    ask_answer,
    looked,
    poll,
    tidy,
    waiting,
    works_still,
)
from segue_threats.device import error_of, members_of
from segue_threats.forge import Key, compact
from segue_threats.lab import Lab

NEEDED = (Need.BACKCHANNEL, Need.PAGES, Need.CODE)
NOT_KNOWN = {"invalid_grant", "invalid_dpop_proof"}
TOO_MANY = 30
"""Requests in a row for people nobody has heard of."""
MESSAGES = (
    "press approve to cancel",
    "https://evil.example",
    "evil.example",
    "two\nlines",
    "\u202egnp",
    "A" * 1_000,
    "<b>x</b>",
)


@attack("XD-BACK-01", *NEEDED)
async def a_stranger_makes_the_person_ring(lab: Lab) -> None:
    """Ask a person whom one's client has never had to do with, by their name."""
    lab.works(await ask_answer(lab, await acquainted(lab)), "asking")
    lab.holds(await waiting(lab), "a request of a client that the person knows is not shown")
    await tidy(lab)
    await ask_answer(lab, lab.asking())
    lab.holds(not await waiting(lab), "a client that the person has never let in has asked them")


@attack("XD-BACK-01", Need.BACKCHANNEL, Need.CODE)
async def a_client_without_the_grant_asks(lab: Lab) -> None:
    """Ask as a client that the operator has not registered for this."""
    lab.works(await ask_answer(lab, lab.asking()), "asking")
    answer = await ask_answer(lab, lab.desktop())
    lab.refuses(answer, "a request of another client", errors={"unauthorized_client", "invalid_client"})


@attack("XD-BACK-01", Need.BACKCHANNEL, destructive=True)
async def many_people_are_asked_in_a_row(lab: Lab) -> None:
    """Go through a list of guessed names."""
    device = lab.asking()
    device.patient = False
    lab.works(await ask_answer(lab, device), "asking")
    guesses = [await ask_answer(lab, device, login_hint=f"guess-{secrets.token_hex(4)}") for _ in range(TOO_MANY)]
    lab.holds(any(each.status_code == 429 for each in guesses), f"{TOO_MANY} people could be asked in a row")


@attack("XD-BACK-02", *NEEDED)
async def one_person_is_asked_again_and_again(lab: Lab) -> None:
    """Ask while a request is open, approve by a blind tap, and ask again after a no."""
    device = await acquainted(lab)
    device.patient = False
    asked = await ask(lab, device)
    lab.proved += 1
    again = await ask_answer(lab, device)
    lab.holds(again.is_error and len(await waiting(lab)) == 1, "a second request was shown while one was open")
    page = await looked(lab)
    value = str(members_of(await poll(asked)).get("check_value", ""))
    page = await lab.pages().browser.approve(page, check_value=wrong(value), name="Blind tap")
    lab.refuses(await poll(asked), "a redemption without the number", errors=WAITING)
    await lab.pages().browser.decline(page)
    later = await ask_answer(lab, device)
    lab.holds(later.is_error and not await waiting(lab), "the person is asked again at once after a no")


@attack("XD-BACK-03", *NEEDED)
async def the_page_leaves_the_caller_room_for_a_story(lab: Lab) -> None:
    """Trigger a request while on the telephone with the person, and hope that the page contradicts nothing."""
    device = await acquainted(lab)
    asked = await ask(lab, device, binding_message="Order 4711", device_name="Help desk")
    page = lab.works(await looked(lab), "looking at the request")
    for fact in ("client_name", "device_name", "network", "requested_at", "action", "binding_message", "expires_in"):
        lab.holds(f'data-fact="{fact}"' in page.text, f"the page does not tell the {fact.replace('_', ' ')}")
    lab.holds("Order 4711" in page.text and "Help desk" in page.text, "the page does not tell what the request says")
    lab.holds("never asks for a code or a check value" in page.text, "the page does not warn of callers")
    lab.holds("check_value" in members_of(await poll(asked)), "nothing has to be compared")
    await tidy(lab)


@attack("XD-BACK-04", *NEEDED)
async def the_message_is_a_lure(lab: Lab) -> None:
    """Put an instruction, an address, line breaks and direction marks into the binding message."""
    device = await acquainted(lab)
    for message in MESSAGES:
        answer = await ask_answer(lab, device, binding_message=message)
        lab.refuses(answer, f"the message {message[:30]!r}", errors={"invalid_binding_message"})
    lab.holds(not await waiting(lab), "the person was asked with such a message")
    await ask(lab, device, binding_message="Order 4711")
    lab.proved += 1
    await tidy(lab)


@attack("XD-BACK-05", *NEEDED)
async def accounts_are_found_out(lab: Lab) -> None:
    """Ask for somebody known and for somebody invented, and compare everything that comes back."""
    device = await acquainted(lab)
    device.patient = False
    lab.works(await ask_answer(lab, await acquainted(lab)), "asking")
    await tidy(lab)
    told = []
    for name in (lab.username(), f"nobody-{secrets.token_hex(4)}"):
        answer = await ask_answer(lab, device, login_hint=name)
        again = await ask_answer(lab, device, login_hint=name)
        asked = Asked(device, str(members_of(answer).get("auth_req_id", "")), 0)
        polled = await poll(asked)
        told.append([*map(_shape, (answer, polled, again))])
    lab.holds(told[0] == told[1], f"the answers tell who has an account: {told[0]} and {told[1]}")
    await tidy(lab)


def _shape(answer: httpx2.Response) -> tuple[int, str, list[str], list[str]]:
    """All of an answer but what is drawn anew each time."""
    return answer.status_code, error_of(answer), sorted(members_of(answer)), sorted(answer.headers)


@attack("XD-BACK-06", *NEEDED)
async def an_identifier_is_redeemed_by_somebody_else(lab: Lab) -> None:
    """Read an identifier in a log and redeem it as another client, with another key, and by guessing."""
    device = await acquainted(lab)
    asked = await ask(lab, device)
    await approved(lab, asked)
    for thief in (device.like(), lab.asking(), device.like(client=lab.asking().client, key=device.key)):
        answer = await poll(asked, by=thief)
        lab.refuses(answer, "a redemption by somebody else", errors=NOT_KNOWN)
    lab.holds(len(asked.auth_req_id) >= 22, "an identifier has less than 128 bits")
    for guess in (asked.auth_req_id[:-1] + ("A" if asked.auth_req_id[-1] != "A" else "B"), secrets.token_urlsafe(32)):
        forged = type(asked)(device, guess, 0)
        lab.refuses(await poll(forged), "an invented identifier", errors=NOT_KNOWN)
    tokens = lab.works(await poll(asked), "the honest redemption")
    lab.refuses(await poll(asked, by=device.like()), "a second redemption", errors=NOT_KNOWN)
    refresh = {"grant_type": "refresh_token", "refresh_token": str(members_of(tokens).get("refresh_token"))}
    lab.refuses(await device.form("token", refresh), "a refresh after somebody else has tried", errors=NOT_KNOWN)


@asynccontextmanager
async def _listening(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A program on this machine that gives one answer to whoever asks; its port, and what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def _until(asked: list[bytes], *, seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.1)):
        if asked:
            return
        await asyncio.sleep(0.1)


@attack("XD-BACK-07", *NEEDED, Need.OWN)
async def the_notification_leads_inside(lab: Lab) -> None:
    """Register addresses of the server's own network, and redirect there from one that was accepted."""
    async with lab.instance() as (own, machine), _listening(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as inner:
        port, reached = inner
        for endpoint in (
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "http://metadata.internal/",
            "ftp://x.example/",
        ):
            client = await machine.pinged_client(endpoint)
            own.holds(client is None, f"a client was registered with {endpoint}")
        away = f"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with _listening(away) as (outer, told):
            asked = await _told_at(own, machine, f"http://127.0.0.1:{outer}/")
            await _until(told)
            own.holds(told, "the client was told of nothing")
            await asyncio.sleep(1)
            own.holds(not reached, "the server has followed a redirect to another program")
            own.works(await poll(asked), "the poll")


async def _told_at(lab: Lab, machine: Any, endpoint: str) -> Any:
    """A request, approved, of a client that is told at the endpoint."""
    clients = lab.target.configuration.backchannel_clients
    clients.appendleft(await machine.pinged_client(endpoint))
    clients.rotate(1)  # it is the next in turn
    asked = await ask(lab, await acquainted(lab), client_notification_token="n" * 43)
    await approved(lab, asked)
    return asked


@attack("XD-BACK-08", *NEEDED, Need.OWN)
async def a_client_is_flooded_by_the_server(lab: Lab) -> None:
    """Register somebody else's address, never answer well, and have the server go on telling."""
    async with lab.instance() as (own, machine), _listening(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as there:
        port, told = there
        asked = await _told_at(own, machine, f"http://127.0.0.1:{port}/")
        await _until(told)
        own.holds(told, "the client was told of nothing")
        own.holds(b"authorization: bearer " + b"n" * 43 in told[0].lower(), "the notice does not show who sends it")
        await asyncio.sleep(3)
        own.holds(len(told) == 1, f"the server has told {len(told)} times in three seconds")
        own.works(await poll(asked), "the poll")


@attack("XD-BACK-08", Need.BACKCHANNEL)
async def a_notification_is_forged(lab: Lab) -> None:
    """Post notices to the reference client with no, another and a foreign bearer, and of unknown requests."""
    lab.works(await ask_answer(lab, lab.asking()), "asking")
    client, expected = Notifications(), Expected("known", 60, 2)
    token = client.token()
    client.expect(expected, token)
    app = Starlette(routes=[Route("/", client.receive, methods=["POST"])])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://client.example") as http:
        for bearer, told in ((None, "known"), ("x" * 43, "known"), (token, "unknown"), (token, 7), ("", "unknown")):
            headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
            answer = await http.post("/", content=json.dumps({"auth_req_id": told}), headers=headers)
            lab.refuses(answer, "a forged notice")
            lab.holds(not client.told(expected), "the client believes a forged notice")
        right = {"Authorization": f"Bearer {token}"}
        lab.works(await http.post("/", content='{"auth_req_id": "known"}', headers=right), "the honest notice")
        lab.holds(client.told(expected), "the client does not hear the honest notice")


@attack("XD-BACK-09", *NEEDED, Need.PEOPLE)
async def somebody_else_approves(lab: Lab) -> None:
    """Open and answer the request for one person where another is signed in."""
    device = await acquainted(lab)
    asked = await ask(lab, device)
    (transfer_id,) = await waiting(lab)
    other = lab.pages(1)
    lab.holds(not await waiting(lab, number=1), "the request is shown to another person")
    page = await other.browser.visit(f"{lab.target.issuer}/user-code")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    for path, form in (
        ("/requests", {"transfer_id": transfer_id}),
        (f"/approve/{transfer_id}", {"decision": "approve", "task": "new", "name": "x", "mode": "move"}),
        (f"/approve/{transfer_id}", {"decision": "deny"}),
    ):
        answer = await other.http.post(f"{lab.target.issuer}{path}", data={"csrf": csrf, **form})
        lab.refuses(answer, f"{path} by another person", statuses={404})
    answer = await other.http.get(f"{lab.target.issuer}/approve/{transfer_id}")
    lab.refuses(answer, "the page for another person", statuses={404})
    lab.refuses(await poll(asked), "a poll", errors={"authorization_pending"})
    await asyncio.sleep(asked.interval)
    await works_still(lab, asked)


@attack("XD-BACK-10", *NEEDED)
async def hints_come_from_elsewhere(lab: Lab) -> None:
    """Bring two hints, an ID token of another client, an access token, and hint tokens of one's own making."""
    device, other = await acquainted(lab), await acquainted(lab)
    asked = await ask(lab, device)
    await approved(lab, asked)
    tokens = members_of(lab.works(await poll(asked), "the honest redemption"))
    id_token, access_token = str(tokens.get("id_token", "")), str(tokens.get("access_token", ""))
    lab.works(await ask_answer(lab, device, login_hint="", id_token_hint=id_token), "asking by an ID token")
    await tidy(lab)
    claims = {"iss": other.client.client_id, "aud": lab.target.issuer, "exp": now() + 60, "jti": secrets.token_hex(8)}
    claims |= {"sub_id": {"format": "opaque", "id": lab.username()}}
    forged = compact({"typ": "login-hint+jwt", "alg": "ES256"}, claims, Key())
    changed = compact({"typ": "JWT", "alg": "ES256"}, {"iss": lab.target.issuer, "sub": lab.username()}, Key())
    for hints in (
        {"id_token_hint": id_token},
        {"login_hint": "", "id_token_hint": id_token},
        {"login_hint": "", "id_token_hint": access_token},
        {"login_hint": "", "id_token_hint": changed},
        {"login_hint": "", "login_hint_token": forged},
        {"login_hint": ""},
    ):
        answer = await ask_answer(lab, other, **hints)
        lab.refuses(answer, f"a request with {sorted(hints)}", errors={"invalid_request", "expired_login_hint_token"})
    lab.holds(not await waiting(lab), "the person was asked by such a hint")
