"""XD-OPS, XD-DOS, XD-PRIV: what was left lying about, what is too much, and what answers give away.

ASVS 5.0 chapters 4, 13 and 16. Expected: no test aids, no traces, bounded work, and one answer for what is not yours.
"""

import time
from collections.abc import Awaitable

import httpx2

from segue_threats.attack import Need, attack
from segue_threats.forge import opened
from segue_threats.lab import Lab

AIDS = (
    "/debug",
    "/docs",
    "/console",
    "/metrics",
    "/admin",
    "/.env",
    "/.git/HEAD",
    "/test",
    "/reset",
    "/_debug",
    "/swagger",
)
TRACES = ("Traceback", 'File "', "sqlalchemy", "site-packages", "at Object.", "SQLSTATE", "node_modules")
ENOUGH = 5.0
"""Seconds after which an oversized request must have been answered."""
ALLOWED_CLAIMS = {
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "cnf", "scope", "auth_time", "acr", "amr", "sid"),
    *("authorization_details", "device_id", "grant_id", "act", "azp", "status"),
}


@attack("XD-OPS-03")
async def test_aids_are_looked_for(lab: Lab) -> None:
    """Open addresses where servers leave consoles, metrics and dumps."""
    lab.works(await lab.http.get(lab.target.metadata_address), "the metadata")
    bases = {lab.target.issuer, lab.target.configuration.task_store or lab.target.issuer}
    for base in sorted(bases):
        for path in AIDS:
            lab.refuses(await lab.http.get(base + path), f"{path} at {base}")


@attack("XD-OPS-03", Need.PAGES, Need.TASK_STORE)
async def sample_accounts_are_tried(lab: Lab) -> None:
    """Sign in with names and passwords that come with examples."""
    lab.works(await lab.http.get(f"{lab.target.issuer}/sign-in"), "the page to sign in")
    for name in ("admin", "demo", "test"):
        landed = await lab.signed_in(lambda request: request, username=name, password=name)
        lab.holds(not landed, f"{name} signs in with the password {name}")


@attack("XD-OPS-03")
async def errors_show_their_insides(lab: Lab) -> None:
    """Send what no honest client sends and read the errors."""
    lab.works(await lab.http.get(lab.target.metadata_address), "the metadata")
    token = lab.target.endpoint("token")
    answers = [
        await lab.http.post(
            token, content=b"\xff\xfe\x00", headers={"Content-Type": "application/x-www-form-urlencoded"}
        ),
        await lab.http.post(token, json={"grant_type": ["x"]}),
        await lab.http.post(token, data={"grant_type": "\x00"}),
        await lab.http.get(lab.target.issuer + "/%00"),
        await lab.http.request("PATCH", token),
    ]
    for answer in answers:
        lab.refuses(answer, "a strange request")
        lab.holds(not any(trace in answer.text for trace in TRACES), "an error shows the inside of the server")


async def refused_in_time(lab: Lab, sending: Awaitable[httpx2.Response], what: str) -> None:
    """Refuse it, or hang up on it, and soon."""
    begin = time.monotonic()
    try:
        lab.refuses(await sending, what)
    except httpx2.NetworkError:
        lab.step(f"{what}: the server hangs up")
    lab.holds(time.monotonic() - begin < ENOUGH, f"{what} keeps the server busy")


@attack("XD-DOS-04")
async def too_much_is_sent(lab: Lab) -> None:
    """Send very large, very deep and very many things, and see whether others are still served."""
    place = lab.target.metadata_address
    lab.works(await lab.http.get(place), "the metadata")
    token, form = lab.target.endpoint("token"), {"Content-Type": "application/x-www-form-urlencoded"}
    floods = {
        "a body of a million bytes": b"grant_type=" + b"a" * 1_000_000,
        "fifty thousand parameters": b"a=1&" * 50_000,
        "deep details": b"authorization_details=" + b"[" * 60_000,
        "a parameter twice": b"grant_type=refresh_token&grant_type=refresh_token",
    }
    for what, content in floods.items():
        await refused_in_time(lab, lab.http.post(token, content=content, headers=form), what)
    for header in ("DPoP", "Authorization", "Cookie"):
        request = lab.http.post(token, data={"grant_type": "refresh_token"}, headers={header: "a" * 30_000})
        await refused_in_time(lab, request, f"a {header} header of 30,000 characters")
    lab.still_works(await lab.http.get(place), "the metadata")


@attack("XD-DOS-04", Need.CODE, Need.TASK_STORE)
async def too_much_is_sent_to_the_store(lab: Lab) -> None:
    """Send large and deep bodies to the task store."""
    grant = await lab.begin()
    lab.works(await grant.read(), "the honest read")
    json_type = [("Content-Type", "application/json")]
    floods = {
        "a body of a million bytes": b'{"events":"' + b"a" * 1_000_000 + b'"}',
        "a deep body": b'{"events":' + b"[" * 100_000,
        "a huge number": b'{"events":' + b"9" * 5_000 + b"}",
        "no JSON": b"\xff",
    }
    for what, content in floods.items():
        await refused_in_time(lab, grant.at("POST", "/events", content=content, headers=json_type), what)
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-PRIV-04")
async def a_token_tells_more_than_it_must(lab: Lab) -> None:
    """Decode an access token and look for what its reader does not need."""
    grant = await lab.grant()
    lab.works(await grant.refresh(), "the honest refresh")
    try:
        _, claims = opened(grant.access_token)
    except ValueError:  # an opaque one tells nothing
        claims = {}
    further = sorted(set(claims) - ALLOWED_CLAIMS)
    lab.holds(not further, f"the token holds {', '.join(further)}")
