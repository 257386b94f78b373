"""XD-AUTH: the authorization code flow on one device, which is where a task begins.

RFC 9700 sections 2.1 and 4, RFC 7636, RFC 9449 section 10. Expected: an answer goes to its client, once.
"""

import asyncio

from segue_threats.attack import Need, attack
from segue_threats.device import members_of
from segue_threats.forge import Key
from segue_threats.lab import Lab

NO_GRANT = {"invalid_grant", "invalid_request", "invalid_client", "unauthorized_client", "invalid_dpop_proof"}


@attack("XD-AUTH-01", Need.CODE)
async def the_answer_is_sent_to_another_address(lab: Lab) -> None:
    """Change the redirect address in every part, and name an unknown client."""
    device = lab.desktop()
    lab.works(await (await lab.begin(device)).refresh(), "the flow with the registered address")
    here = device.client.redirect_uri
    elsewhere = [
        here + "x",
        here + "?x=1",
        here + "#x",
        here + "/../x",
        here.replace("://", "://evil@"),
        here.replace("://", "://evil."),
        here.replace("http", "httpx", 1),
        "https://evil.example/",
        "javascript:alert(1)",
    ]
    for redirect_uri in elsewhere:
        answer = await lab.http.get(lab.authorization(device, redirect_uri=redirect_uri).url)
        lab.holds("Location" not in answer.headers, f"a request with {redirect_uri!r} is redirected")
        lab.refuses(answer, f"a request with the address {redirect_uri!r}")
    answer = await lab.http.get(lab.authorization(device, client_id="no-such-client").url)
    lab.refuses(answer, "a request of an unknown client")


@attack("XD-AUTH-02", Need.CODE)
async def a_stolen_code_is_redeemed(lab: Lab) -> None:
    """Redeem without a verifier, with a wrong one, for another address or client, with another key; then twice."""
    device = lab.desktop()
    changes = [
        {"code_verifier": ""},
        {"code_verifier": "a" * 43},
        {"redirect_uri": "https://evil.example/"},
    ]
    for change in changes:
        request = lab.authorization(device)
        stolen = await lab.code(device, request)
        answer = await lab.exchange(device, request, stolen, **change)
        lab.refuses(answer, f"a code with another {next(iter(change))}", errors=NO_GRANT)
    request = lab.authorization(device)
    stolen = await lab.code(device, request)
    thief = device.like()
    lab.refuses(await lab.exchange(thief, request, stolen), "a code with another key", errors=NO_GRANT)
    lab.works(await (await lab.begin(device)).refresh(), "the honest flow")


@attack("XD-AUTH-02", Need.CODE)
async def a_code_is_redeemed_twice(lab: Lab) -> None:
    """Redeem a code that its owner has redeemed, with another key; and many times at once."""
    device = lab.desktop()
    request = lab.authorization(device)
    code = await lab.code(device, request)
    first = lab.works(await lab.exchange(device, request, code), "the redemption")
    lab.refuses(await lab.exchange(device.like(), request, code), "a second redemption", errors=NO_GRANT)
    form = {"grant_type": "refresh_token", "refresh_token": str(members_of(first).get("refresh_token"))}
    lab.refuses(await device.form("token", form), "a refresh of what a stolen code gave", errors=NO_GRANT)
    request = lab.authorization(device)
    code = await lab.code(device, request)
    answers = await asyncio.gather(*(lab.exchange(device, request, code) for _ in range(6)))
    families = {members_of(answer).get("refresh_token") for answer in answers if not answer.is_error}
    lab.holds(len(families) <= 1, f"{len(families)} token families came of one code")


@attack("XD-AUTH-02", Need.CODE)
async def pkce_is_left_out_or_weakened(lab: Lab) -> None:
    """Send no challenge, a plain one, and an empty one."""
    device = lab.desktop()
    lab.works(await (await lab.begin(device)).refresh(), "the honest flow")
    for change in ({"code_challenge": ""}, {"code_challenge_method": "plain"}, {"code_challenge_method": ""}):
        answer = await lab.http.get(lab.authorization(device, **change).url)
        location = answer.headers.get("Location", "")
        lab.holds("error=" in location or answer.status_code >= 400, f"a request with {change} goes on")


@attack("XD-AUTH-03", Need.CODE)
async def a_pushed_request_is_invented(lab: Lab) -> None:
    """Open the authorization page with a reference that nobody has pushed."""
    device = lab.desktop()
    lab.works(await (await lab.begin(device)).refresh(), "the honest flow")
    invented = f"urn:ietf:params:oauth:request_uri:{Key().jkt}"
    for parameters in ({"request_uri": invented, "redirect_uri": ""}, {"request": "e30.e30.", "redirect_uri": ""}):
        answer = await lab.http.get(lab.authorization(device, **parameters).url)
        if answer.is_redirect and "error=" in answer.headers.get("Location", ""):
            lab.holds("code=" not in answer.headers["Location"], "the error comes with a code")
        else:
            lab.refuses(answer, f"a request by {next(iter(parameters))}")
