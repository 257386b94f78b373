"""XD-AGT-06, XD-AGT-09, XD-JOSE-11, XD-KEY-01: what gets past the middleware, or out of it.

RFC 8725, RFC 9068 section 4, ASVS 5.0 chapters 8, 9 and 16. Expected: nobody but a device with a token for this very
backend, from this very issuer, at this moment; and the token goes no further.
"""

from typing import Any

from segue.testing import TestDevice, TestIssuer

from segue_threats.attack import Need, attack
from segue_threats.backend import AUDIENCE, ISSUER, ROUTES, Backend, open_backend
from segue_threats.device import members_of
from segue_threats.lab import Lab

BOUND = 300
"""Seconds for which a verifier may still trust a key that its issuer has withdrawn."""
FLOOD = 50


@attack("XD-JOSE-11", Need.OWN)
async def a_related_issuer_or_audience_passes(lab: Lab) -> None:
    """Sign with a trusted key tokens whose issuer or audience is nearly the right one."""
    issuers: list[Any] = [
        f"{ISSUER}/",
        f"{ISSUER}.evil.example",
        "https://id.exampl",
        "https://ID.example",
        f" {ISSUER}",
    ]
    issuers += [f"{ISSUER}\u0000", "http://id.example", f"{ISSUER}/tenant", [ISSUER], {}, None, ""]
    audiences: list[Any] = [
        f"{AUDIENCE}/",
        f"{AUDIENCE}.evil.example",
        "https://agent.exampl",
        "https://AGENT.example",
        "*",
    ]
    audiences += [[AUDIENCE, "https://other.example"], ["https://other.example"], [], {AUDIENCE: True}, None, ISSUER]
    near: list[dict[str, Any]] = [{"iss": value} for value in issuers] + [{"aud": value} for value in audiences]
    async with open_backend(lab) as backend:
        await _refused(lab, backend, near)


@attack("XD-JOSE-11", Need.OWN)
async def odd_times_pass(lab: Lab) -> None:
    """Sign tokens that have expired, do not expire, begin in the future, or have times that are no whole seconds."""
    async with open_backend(lab) as backend:
        now = backend.time
        ends: list[Any] = [now, now - 1, -1, 0, None, True, [], ""]
        times: list[dict[str, Any]] = [{"exp": value} for value in ends]
        times += [{"exp": value} for value in (str(now + 60), now + 60.5, float(now + 60), 1e300, 2**70, now + 301)]
        times += [{"iat": value} for value in (now + 6, None, str(now), now + 0.5, -1, now - 400)]
        times += [{"nbf": value} for value in (now + 1, str(now), "", -1, now + 0.1)]
        await _refused(lab, backend, times)
        token = backend.issuer.token(backend.device, lifetime=30)
        backend.time += 30
        lab.refuses(await backend.send(token), "a token in the second in which it expires", statuses={401})


async def _refused(lab: Lab, backend: Backend, changes: list[dict[str, Any]]) -> None:
    lab.works(await backend.send(backend.issuer.token(backend.device)), "the honest token")
    for change in changes:
        answer = await backend.send(backend.issuer.token(backend.device, **change))
        lab.refuses(answer, f"a token with {change}", statuses={401})
    lab.still_works(await backend.send(backend.issuer.token(backend.device)), "the honest token")


@attack("XD-AGT-06", Need.OWN)
async def the_backend_passes_the_token_on(lab: Lab) -> None:
    """Look for the token, and for its proof, in everything that the middleware lets the backend see."""
    async with open_backend(lab) as backend:
        token = backend.issuer.token(backend.device)
        lab.works(await backend.send(token), "the honest request")
        scope = backend.seen[-1]
        shown = repr({name: value for name, value in scope.items() if name != "app"})
        lab.holds(token not in shown, "the backend is shown the token, and may pass it on")
        lab.holds(token.rpartition(".")[2] not in shown, "the backend is shown the token's signature")


@attack("XD-AGT-06", Need.OWN)
async def a_narrow_token_makes_the_backend_do_more(lab: Lab) -> None:
    """Ask the backend for what it could do and the token may not, by every method that might lead there."""
    async with open_backend(lab) as backend:
        wide = backend.issuer.token(backend.device, actions=("task:read", "tool_calls:claim"))
        lab.works(await backend.send(wide, "POST", "/write"), "the wider token's request")
        narrow = backend.issuer.token(backend.device, actions=("task:read", "tool_calls:read", "tool_calls:propose"))
        lab.works(await backend.send(narrow), "the narrow token's read")
        lab.refuses(await backend.send(narrow, "POST", "/write"), "the larger thing", statuses={403})
        lab.holds(backend.written == 1, "the backend has done it")


@attack("XD-AGT-09", Need.OWN)
async def a_door_without_a_guard_is_found(lab: Lab) -> None:
    """Go without a token to every route: mounted, failing, missing, by every method, and by WebSocket."""
    async with open_backend(lab) as backend:
        token = backend.issuer.token(backend.device)
        lab.works(await backend.send(token, path="/mounted/read"), "the honest request")
        backend.seen.clear()
        for path in ROUTES:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
                answer = await backend.http.request(method, AUDIENCE + path)
                lab.refuses(answer, f"{method} {path} without a token", statuses={401})
        for headers in ({}, {"Authorization": f"DPoP {token}"}, {"Cookie": f"token={token}"}):
            told = await backend.socket(headers)
            lab.holds("websocket.accept" not in told, "a WebSocket is opened")
        lab.holds(not backend.seen, f"{len(backend.seen)} requests without a token have reached the app")


@attack("XD-AGT-09", Need.OWN)
async def keys_that_cannot_be_had_are_done_without(lab: Lab) -> None:
    """Come while the issuer does not answer, with a good token and with one by a key of one's own."""
    async with open_backend(lab) as backend:
        backend.online = False
        good, stranger = backend.issuer.token(backend.device), TestIssuer(issuer=ISSUER, audience=AUDIENCE)
        for token in (good, stranger.token(backend.device)):
            answer = await backend.send(token)
            lab.holds(answer.status_code == 503, f"without the issuer's keys the answer is {answer.status_code}")
        lab.holds(not backend.seen, "a request has reached the app that nobody could check")
        backend.online = True
        backend.time += 60
        lab.works(await backend.send(backend.issuer.token(backend.device)), "the honest token, once the issuer is back")
        forged = await backend.send(stranger.token(backend.device))
        lab.refuses(forged, "a token by another key", statuses={401})


@attack("XD-AGT-09", Need.OWN)
async def a_remembered_answer_outlives_the_token(lab: Lab) -> None:
    """Have a token checked, and use it again in the second in which it expires."""
    async with open_backend(lab) as backend:
        token = backend.issuer.token(backend.device, lifetime=200)
        for _ in range(3):
            lab.works(await backend.send(token), "the honest request")
        thief = await backend.send(token, by=TestDevice(clock=backend.clock))
        lab.refuses(thief, "a remembered token with another key", statuses={401})
        backend.time += 199
        lab.works(await backend.send(token), "the request in the last second")
        backend.time += 1
        lab.refuses(await backend.send(token), "a remembered token after its time", statuses={401})


@attack("XD-KEY-01", Need.OWN)
async def a_withdrawn_key_is_trusted_for_ever(lab: Lab) -> None:
    """Sign with an old key after its issuer has withdrawn it; ask for keys that never were, to wear the issuer out."""
    async with open_backend(lab) as backend:
        old = TestIssuer(issuer=ISSUER, audience=AUDIENCE, clock=backend.clock)
        old.private_key, old.kid = backend.issuer.private_key, backend.issuer.kid
        lab.works(await backend.send(backend.issuer.token(backend.device)), "the honest token")
        backend.time += 11
        backend.issuer.rotate()
        lab.works(await backend.send(backend.issuer.token(backend.device)), "a token by the new key, at once")
        backend.time += BOUND
        lab.refuses(await backend.send(old.token(backend.device)), "a token by the withdrawn key", statuses={401})
        asked = len(backend.issuer.fetched)
        stranger = TestIssuer(issuer=ISSUER, audience=AUDIENCE, clock=backend.clock)
        for number in range(FLOOD):
            stranger.kid = f"no-such-key-{number}"
            lab.refuses(await backend.send(stranger.token(backend.device)), "a token by no key", statuses={401})
        asked = len(backend.issuer.fetched) - asked
        lab.holds(asked <= 2, f"{FLOOD} unknown keys have made the backend ask its issuer {asked} times")
        lab.still_works(await backend.send(backend.issuer.token(backend.device)), "the honest token")


@attack("XD-META-02", Need.OWN)
async def a_backend_lures_the_client_elsewhere(lab: Lab) -> None:
    """Read what the backend says of itself, and compare it with what it was set up for."""
    async with open_backend(lab) as backend:
        lab.works(await backend.send(backend.issuer.token(backend.device)), "the honest token")
        challenged = await backend.http.get(f"{AUDIENCE}/read", headers={"Host": "evil.example"})
        address = f"{AUDIENCE}/.well-known/oauth-protected-resource"
        lab.holds(f'resource_metadata="{address}"' in challenged.headers.get("WWW-Authenticate", ""), "no metadata")
        told = members_of(await backend.http.get(address, headers={"Host": "evil.example"}))
        lab.holds(told.get("resource") == AUDIENCE, f"the backend says that it is {told.get('resource')}")
        lab.holds(told.get("authorization_servers") == [ISSUER], "the backend names other authorization servers")
