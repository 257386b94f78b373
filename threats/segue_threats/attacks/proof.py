"""XD-DPOP: a proof that is for something else, by something else, or says something else.

RFC 9449 section 4.3. Expected: a proof is good for one request with one token, now.
"""

import secrets

from segue_threats.attack import Need, attack
from segue_threats.device import Device, Twist, error_of
from segue_threats.forge import Proof, digest_of
from segue_threats.lab import Lab
from segue_threats.twist import claim, header, without

NOT_YOURS = {"invalid_token", "invalid_dpop_proof"}
NEW_NONCE = {"use_dpop_nonce"}


@attack("XD-DPOP-06", Need.RESOURCE)
async def a_proof_for_another_request_is_attached(lab: Lab) -> None:
    """Use a proof made for another method, path, host, port or scheme."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    here = grant.address
    elsewhere = [
        here + "/",
        here + "x",
        here[:-1],
        here.rpartition("/")[0],
        here.replace("://", "://evil."),
        here.replace("://", "://evil@", 1),
        here.replace("http", "ftp", 1),
        here.upper(),
        "/" + here.partition("://")[2].partition("/")[2],
        "",
    ]
    for htu in elsewhere:
        answer = await grant.read(twist=claim("htu", htu))
        lab.refuses(answer, f"a proof for {htu or 'no address'}", errors=NOT_YOURS)
    for htm in ("POST", "get", "HEAD", ""):
        lab.refuses(await grant.read(twist=claim("htm", htm)), f"a proof for the method {htm!r}", errors=NOT_YOURS)
    for name in ("htu", "htm"):
        lab.refuses(await grant.read(twist=without(name)), f"a proof without {name}", errors=NOT_YOURS)
    lab.still_works(await grant.read(twist=claim("htu", here + "?x=1#y")), "a proof whose htu has a query")


@attack("XD-DPOP-06")
async def a_proof_for_another_endpoint_is_used_for_tokens(lab: Lab) -> None:
    """Use a proof made for another address or method at the token endpoint."""
    grant = await lab.grant()
    here = lab.target.endpoint("token")
    for htu in (here + "/", here.replace("://", "://evil."), lab.target.issuer, here[:-1]):
        answer = await grant.refresh(how={"twist": claim("htu", htu)})
        lab.refuses(answer, f"a proof for {htu}", errors=NOT_YOURS)
    lab.refuses(await grant.refresh(how={"twist": claim("htm", "GET")}), "a proof for GET", errors=NOT_YOURS)
    lab.works(await grant.refresh(), "the honest refresh")


@attack("XD-DPOP-07", Need.RESOURCE)
async def the_server_is_told_another_address_of_its_own(lab: Lab) -> None:
    """Forge Host and forwarding headers, with a proof for the forged address."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    host = grant.address.partition("://")[2].partition("/")[0]
    forged = grant.address.replace(host, "evil.example")
    for name, value in (
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Original-Host", "evil.example"),
    ):
        answer = await grant.read(twist=claim("htu", forged), headers=[(name, value)])
        lab.refuses(answer, f"a proof for the address that {name} names")
    lab.still_works(
        await grant.read(headers=[("X-Forwarded-Host", "evil.example")]), "the honest proof under a forged header"
    )


@attack("XD-DPOP-08", Need.RESOURCE)
async def a_proof_is_not_tied_to_the_token(lab: Lab) -> None:
    """Leave the token's hash out, empty it, cut it, or take that of another token."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    ath = digest_of(grant.access_token)
    lab.refuses(await grant.read(twist=without("ath")), "a proof without ath", errors=NOT_YOURS)
    for value in ("", ath[:20], ath + "=", digest_of("another token"), [ath], None):
        lab.refuses(await grant.read(twist=claim("ath", value)), f"a proof whose ath is {value!r}", errors=NOT_YOURS)
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-09", Need.RESOURCE)
async def proofs_are_made_in_advance_or_kept(lab: Lab) -> None:
    """Date a proof hours ahead or back, or not at all."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")

    def moved(seconds: float) -> Twist:
        return lambda proof: proof.claims.__setitem__("iat", proof.claims["iat"] + seconds)

    for seconds in (-86_400, -400, 400, 86_400, 1e300):
        answer = await grant.read(twist=moved(seconds))
        if not answer.is_error and Need.NONCES in lab.target.offers():  # a nonce may date a proof as well

            def undated(proof: Proof, seconds: float = seconds) -> None:
                moved(seconds)(proof)
                proof.claims.pop("nonce", None)

            answer = await grant.read(twist=undated, again=False)
            lab.refuses(answer, f"a proof dated {seconds:+.0f} seconds without a nonce", errors=NOT_YOURS | NEW_NONCE)
        else:
            lab.refuses(answer, f"a proof dated {seconds:+.0f} seconds", errors=NOT_YOURS)
    for value in (None, "now", True):
        lab.refuses(await grant.read(twist=claim("iat", value)), f"a proof whose iat is {value!r}", errors=NOT_YOURS)
    lab.refuses(await grant.read(twist=without("iat")), "a proof without iat", errors=NOT_YOURS)
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-10", Need.RESOURCE, Need.NONCES)
async def the_nonce_is_withheld_or_invented(lab: Lab) -> None:
    """Leave the nonce out, invent one, empty it, or show the other server's."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    attempts: list[tuple[str, Twist]] = [("no nonce", without("nonce"))]
    attempts += [(f"the nonce {value!r}", claim("nonce", value)) for value in ("", "x", secrets.token_urlsafe(24), 7)]
    foreign = [nonce for place, nonce in grant.device.nonces.items() if not grant.address.startswith(place)]
    attempts += [("the nonce of another server", claim("nonce", nonce)) for nonce in foreign]
    for what, twist in attempts:
        answer = await grant.read(twist=twist, again=False)
        lab.refuses(answer, what, errors={"use_dpop_nonce", "invalid_dpop_proof"}, statuses={401})
        lab.holds(
            error_of(answer) != "use_dpop_nonce" or "DPoP-Nonce" in answer.headers,
            "the refusal brings no nonce to go on with",
        )
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-11", Need.RESOURCE)
async def the_proof_names_a_strange_key_or_algorithm(lab: Lab) -> None:
    """Name no algorithm or a symmetric one; bring a private, foreign or impossible key."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    key = grant.device.key
    private = key.private_key.private_numbers().private_value.to_bytes(32, "big").hex()
    jwks: dict[str, object] = {
        "a private key": {**key.jwk, "d": private},
        "a symmetric key": {"kty": "oct", "k": "c2VjcmV0"},
        "a point off the curve": {**key.jwk, "y": key.jwk["x"]},
        "no point": {"kty": "EC", "crv": "P-256"},
        "another curve": {**key.jwk, "crv": "P-521"},
        "a padded coordinate": {**key.jwk, "x": key.jwk["x"] + "="},
        "an RSA key": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        "no object": "key",
    }
    for what, jwk in jwks.items():
        lab.refuses(await grant.read(twist=header("jwk", jwk)), f"a proof with {what}", errors=NOT_YOURS)
    for alg in ("none", "None", "HS256", "RS256", "ES384", "", 256):
        lab.refuses(await grant.read(twist=header("alg", alg)), f"a proof under {alg!r}", errors=NOT_YOURS)
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-12", Need.RESOURCE)
async def two_proofs_or_two_tokens_are_sent(lab: Lab) -> None:
    """Send a thief's and an honest proof, or credential, in one request."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    thief = grant.device.like()

    def proof(device: Device) -> str:
        return device.proof("GET", grant.address, token=grant.access_token)

    lab.refuses(await grant.read(proofs=[proof(grant.device), proof(thief)]), "two DPoP headers")
    lab.refuses(await grant.read(proofs=[f"{proof(grant.device)}, {proof(thief)}"]), "two proofs in one header")
    twice = [("Authorization", f"DPoP {grant.access_token}")]
    lab.refuses(await grant.read(headers=twice), "two Authorization headers")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-DPOP-13", Need.RESOURCE)
async def another_signed_object_passes_as_a_proof(lab: Lab) -> None:
    """Give the object another type, or none."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    for typ in ("JWT", "at+jwt", "dbsc+jwt", "", None, "dpop+jwt+x"):
        lab.refuses(await grant.read(twist=header("typ", typ)), f"an object of type {typ!r}", errors=NOT_YOURS)
    lab.refuses(await grant.read(twist=lambda proof: proof.header.pop("typ")), "an object without a type")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-06", Need.RESOURCE)
async def a_proof_asks_for_extensions(lab: Lab) -> None:
    """Declare critical extensions in a proof whose signature is right."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    for crit in (["exp"], ["b64"], [], "b64", ["nonexistent"]):
        lab.refuses(await grant.read(twist=header("crit", crit)), f"a proof with crit {crit!r}", errors=NOT_YOURS)

    def unencoded(proof: Proof) -> None:
        proof.header |= {"b64": False, "crit": ["b64"]}

    lab.refuses(await grant.read(twist=unencoded), "a proof with b64 false", errors=NOT_YOURS)
    lab.still_works(await grant.read(), "the honest read")
