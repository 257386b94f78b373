"""XD-DPOP: a task token without its key, a proof sent twice, a challenge that costs something.

Cross-device BCP (RFC 10027) section 6.1.12, RFC 9449. Expected: what was copied is worth nothing.
"""

import asyncio

from segue_threats.attack import Need, attack
from segue_threats.lab import Lab
from segue_threats.twist import claim, without

BAD_PROOF = {"invalid_dpop_proof"}
NOT_YOURS = {"invalid_token", "invalid_dpop_proof"}
NO_GRANT = {"invalid_grant", "invalid_dpop_proof"}
TOGETHER = 8
"""Requests in a race."""


@attack("XD-DPOP-01")
async def a_token_is_asked_for_without_a_proof(lab: Lab) -> None:
    """Refresh without a DPoP header, and hope for a bearer token."""
    grant = await lab.grant()
    lab.holds(grant.answer.get("token_type") == "DPoP", "the honest token is no DPoP token")
    lab.proved += 1
    answer = await grant.refresh(how={"proofs": ()})
    lab.refuses(answer, "a refresh without a proof", errors=NO_GRANT | {"invalid_request", "use_dpop_nonce"})
    lab.still_works(await grant.refresh(), "the honest refresh")


@attack("XD-DPOP-01", Need.PUSH)
async def a_transfer_is_claimed_and_redeemed_without_a_proof(lab: Lab) -> None:
    """Leave the proof out where the code is claimed and where it is redeemed."""
    offer, claim_ = await lab.claimed(await lab.begin())
    await lab.confirm(offer, claim_.check_value)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": claim_.device_code}
    lab.refuses(await claim_.device.form("token", form, proofs=()), "a redemption without a proof")
    lab.works(await lab.poll(claim_), "the honest redemption")


@attack("XD-DPOP-02", Need.RESOURCE)
async def a_bound_token_is_shown_as_a_bearer_token(lab: Lab) -> None:
    """Name the Bearer scheme, with and without a proof, or name DPoP and send none."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    thief = grant.device.like()
    for scheme, proofs in (("Bearer", ()), ("bearer", ()), ("DPoP", ()), ("Bearer", None)):
        lab.step(f"scheme {scheme}, {'without' if proofs == () else 'with'} a proof")
        by = thief if proofs == () else grant.device
        answer = await grant.read(by=by, scheme=scheme, proofs=proofs)
        lab.refuses(answer, f"the token under {scheme}", statuses={400, 401})
        told = answer.headers.get("WWW-Authenticate", "")
        lab.holds(answer.status_code == 400 or "DPoP" in told, "the refusal does not ask for DPoP")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-03", Need.RESOURCE)
async def a_stolen_token_is_used_with_the_thiefs_key(lab: Lab) -> None:
    """Make a correct proof with a fresh key for a stolen token."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    lab.step("the thief proves a key of their own")
    lab.refuses(await grant.read(by=grant.device.like()), "the token with another key", errors=NOT_YOURS)
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-03", Need.PUSH)
async def a_stolen_token_starts_a_transfer_with_the_thiefs_key(lab: Lab) -> None:
    """Use a token for the transfer endpoint with another key: the server that issued it is a resource as well."""
    grant = await lab.begin()
    here = await grant.refreshed(resource=lab.target.issuer)
    endpoint = lab.target.endpoint("transfer")
    thief = grant.device.like()
    for _ in range(2):  # once for the nonce
        answer = await thief.send("POST", endpoint, token=here.access_token, data={"mode": "move"})
    lab.refuses(answer, "a transfer by another key")
    lab.works(
        await grant.device.send("POST", endpoint, token=here.access_token, data={"mode": "move"}), "the honest offer"
    )


@attack("XD-DPOP-04", Need.RESOURCE)
async def a_captured_request_is_sent_again(lab: Lab) -> None:
    """Send one proof twice, and then again together with others of its kind."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    proof = grant.device.proof("GET", grant.address, token=grant.access_token)
    lab.works(await grant.read(proofs=[proof]), "the first use of the proof")
    lab.step("the same request again")
    lab.refuses(await grant.read(proofs=[proof]), "the second use of a proof", errors=NOT_YOURS | {"use_dpop_nonce"})
    fresh = grant.device.proof("GET", grant.address, token=grant.access_token)
    lab.step(f"{TOGETHER} at once")
    answers = await asyncio.gather(*(grant.read(proofs=[fresh]) for _ in range(TOGETHER)))
    passed = sum(not answer.is_error for answer in answers)
    lab.holds(passed == 1, f"{passed} of {TOGETHER} requests with one proof were accepted")


@attack("XD-DPOP-04")
async def a_captured_token_request_is_sent_again(lab: Lab) -> None:
    """Send the proof of a refresh twice."""
    grant = await lab.grant()
    grant.refresh_token = (await grant.refreshed()).refresh_token or grant.refresh_token
    proof = grant.device.proof("POST", lab.target.endpoint("token"))
    first = lab.works(await grant.refresh(how={"proofs": [proof]}), "the first use of the proof")
    grant.refresh_token = first.json().get("refresh_token", grant.refresh_token)
    lab.refuses(await grant.refresh(how={"proofs": [proof]}), "the second use of a proof")
    lab.still_works(await grant.refresh(), "the honest refresh")


@attack("XD-DPOP-05", Need.RESOURCE)
async def a_proof_is_hidden_under_a_flood_of_others(lab: Lab) -> None:
    """Use a proof, then many others, then the first again; and two whose long identifiers differ at the end alone."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    proof = grant.device.proof("GET", grant.address, token=grant.access_token)
    lab.works(await grant.read(proofs=[proof]), "the first use of the proof")
    for _ in range(5):
        await asyncio.gather(*(grant.read() for _ in range(10)))
    lab.refuses(await grant.read(proofs=[proof]), "a proof after fifty others")
    for length in (300, 5000):
        one, other = (claim("jti", "j" * length + end) for end in "ab")
        if (await grant.read(twist=one)).is_error:
            continue  # who takes no such identifier need not tell them apart
        lab.refuses(await grant.read(twist=one), f"a used proof with an identifier of {length} characters")
        lab.still_works(
            await grant.read(twist=other), f"a proof whose identifier of {length} characters ends otherwise"
        )
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-14")
async def a_stolen_refresh_token_is_used_without_the_key(lab: Lab) -> None:
    """Refresh without a proof and with a proof by the thief's own key."""
    grant = await lab.grant()
    lab.holds(grant.refresh_token, "there is no refresh token")
    lab.refuses(await grant.refresh(how={"proofs": ()}), "a refresh without a proof")
    lab.step("the thief proves a key of their own")
    lab.refuses(await grant.refresh(by=grant.device.like()), "a refresh with another key", errors=NO_GRANT)
    lab.works(await grant.refresh(), "the honest refresh")


@attack("XD-DPOP-15", Need.NONCES)
async def the_nonce_challenge_burns_the_refresh_token(lab: Lab) -> None:
    """Refresh with a proof that lacks the nonce, and see whether the honest repeat still works."""
    grant = await lab.grant()
    challenged = await grant.refresh(how={"twist": without("nonce"), "again": False})
    lab.refuses(challenged, "a refresh without a nonce", errors={"use_dpop_nonce"})
    lab.works(await grant.refresh(), "the repeat with the nonce")


@attack("XD-DPOP-15", Need.NONCES, Need.CODE)
async def the_nonce_challenge_burns_the_authorization_code(lab: Lab) -> None:
    """Redeem a code with a proof that lacks the nonce, and see whether the honest repeat still works."""
    device = lab.desktop()
    request = lab.authorization(device)
    code = await lab.code(device, request)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": device.client.redirect_uri}
    form["code_verifier"] = request.verifier
    challenged = await device.form("token", form, twist=without("nonce"), again=False)
    lab.refuses(challenged, "a code without a nonce", errors={"use_dpop_nonce"})
    lab.works(await device.form("token", form), "the repeat with the nonce")
