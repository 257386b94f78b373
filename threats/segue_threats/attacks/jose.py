"""XD-JOSE: tokens that nobody signed, that bring their own key, or that say two things at once.

RFC 8725, RFC 7515. Expected: a token is what its issuer has signed, in one spelling, or nothing.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from segue.jose import b64url_encode, import_p256

from segue_threats.attack import DoesNotApply, Need, attack
from segue_threats.forge import Key, compact, mirrored, opened, part, resigned, signature_of
from segue_threats.grant import Grant
from segue_threats.lab import Lab

NOT_A_TOKEN = {"invalid_token"}


async def issued(lab: Lab) -> Grant:
    """A grant whose token opens something."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    return grant


async def a_jws(lab: Lab) -> Grant:
    """A grant whose token is a JWS that opens something. Raises `DoesNotApply`."""
    grant = await issued(lab)
    try:
        opened(grant.access_token)
    except ValueError as opaque:
        raise DoesNotApply("access tokens of this server are no JWTs") from opaque
    return grant


async def refused(lab: Lab, grant: Grant, forged: str, what: str) -> None:
    """The forged token, with a proof that is right for it."""
    lab.step(what)
    lab.refuses(await grant.read(token=forged), what, statuses={400, 401, 431})


@attack("XD-JOSE-01", Need.RESOURCE)
async def an_unsigned_token_is_shown(lab: Lab) -> None:
    """Name no algorithm, in several spellings, and drop the signature."""
    grant = await a_jws(lab)
    header, claims = opened(grant.access_token)
    for alg in ("none", "None", "NONE", "nOnE", "", None):
        await refused(lab, grant, compact({**header, "alg": alg}, claims, None), f"alg {alg!r} without a signature")
    await refused(lab, grant, compact(header, claims, None), "the honest header without a signature")
    await refused(lab, grant, grant.access_token.rpartition(".")[0], "two parts")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-02", Need.RESOURCE)
async def the_public_key_is_used_as_a_secret(lab: Lab) -> None:
    """Sign with HMAC under every encoding of every published key."""
    grant = await a_jws(lab)
    header, claims = opened(grant.access_token)
    keys = (await lab.http.get(str(lab.target.metadata["jwks_uri"]))).json()["keys"]
    lab.holds(keys, "the server publishes no keys")
    for jwk in keys:
        for secret in _encodings(jwk):
            for alg in ("HS256", "ES256"):
                signed = f"{part({**header, 'alg': alg})}.{part(claims)}"
                mac = b64url_encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
                await refused(lab, grant, f"{signed}.{mac}", f"an HMAC under the published key, called {alg}")
    lab.still_works(await grant.read(), "the honest read")


def _encodings(jwk: dict[str, str]) -> Iterator[bytes]:
    yield json.dumps(jwk).encode()
    yield json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
    if jwk.get("crv") == "P-256":
        key = import_p256({name: jwk[name] for name in ("kty", "crv", "x", "y")})
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        yield key.public_bytes(serialization.Encoding.PEM, info)
        yield key.public_bytes(serialization.Encoding.DER, info)


@attack("XD-JOSE-03", Need.RESOURCE)
async def a_token_brings_its_own_key(lab: Lab) -> None:
    """Sign with a key of one's own and name it in the header, whole, as a certificate, or by an address."""
    grant = await a_jws(lab)
    header, claims = opened(grant.access_token)
    mine = Key()
    embedded = {
        "jwk": mine.jwk,
        "kid": mine.jkt,
        "x5c": ["MAA="],
        "x5u": "https://evil.example/",
        "jku": "https://evil.example/jwks",
    }
    for name, value in embedded.items():
        await refused(
            lab, grant, compact({**header, name: value}, claims, mine), f"a token that names its key by {name}"
        )
    await refused(lab, grant, compact(header, claims, mine), "a token by another key under the honest header")
    raised = {**claims, "exp": claims["exp"] + 10_000_000}
    await refused(
        lab, grant, resigned(compact(header, raised, None), signature_of(grant.access_token)), "changed claims"
    )
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-04", Need.RESOURCE)
async def the_key_identifier_is_an_injection(lab: Lab) -> None:
    """Name keys by paths, quotes, wildcards, numbers and very long names."""
    grant = await a_jws(lab)
    header, claims = opened(grant.access_token)
    for kid in ("../../dev/null", "' OR '1'='1", "*", "", "k" * 4000, 0, None, ["x"], "https://evil.example/"):
        await refused(lab, grant, compact({**header, "kid": kid}, claims, Key()), f"the key {str(kid)[:20]!r}")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-05", Need.RESOURCE)
async def the_signature_is_degenerate(lab: Lab) -> None:
    """Sign with zeros, with the group's order, with too few and too many bytes."""
    grant = await a_jws(lab)
    order = mirrored(bytes(64))[32:]
    bad = [bytes(64), bytes(63), bytes(65), order + order, b"\xff" * 64, b"", signature_of(grant.access_token) + b"\0"]
    for signature in bad:
        await refused(lab, grant, resigned(grant.access_token, signature), f"a signature of {len(signature)} bytes")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-05", Need.RESOURCE)
async def a_used_proof_comes_back_mirrored(lab: Lab) -> None:
    """Use a proof, turn its signature into the other one that verifies, and use it again."""
    grant = await issued(lab)
    proof = grant.device.proof("GET", grant.address, token=grant.access_token)
    lab.works(await grant.read(proofs=[proof]), "the first use of the proof")
    again = resigned(proof, mirrored(signature_of(proof)))
    lab.refuses(await grant.read(proofs=[again]), "a used proof with a mirrored signature")


@attack("XD-JOSE-07", Need.RESOURCE)
async def signed_content_says_two_things(lab: Lab) -> None:
    """Repeat members, write numbers that are none, add bytes, send no object, in proofs that are signed properly."""
    grant = await issued(lab)

    def content(change: bytes, by: bytes) -> list[str]:
        header, claims = opened(grant.device.proof("GET", grant.address, token=grant.access_token))
        text = json.dumps(claims, separators=(",", ":")).encode()
        assert change in text
        return [compact(header, text.replace(change, by, 1), grant.device.key)]

    changes = {
        "a repeated member": (b'"htm":', b'"htm":"POST","htm":'),
        "a time that is no number": (b'"iat":', b'"iat":NaN,"x":'),
        "an endless time": (b'"iat":', b'"iat":1e999,"x":'),
        "bytes after the end": (b"}", b"}{}"),
        "text that is no UTF-8": (b'"jti":"', b'"jti":"\xff'),
        "half a character": (b'"jti":"', b'"jti":"\\ud800'),
        "a list": (b"{", b"[{"),
    }
    for what, (change, by) in changes.items():
        lab.refuses(await grant.read(proofs=content(change, by)), f"a proof with {what}")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-08", Need.RESOURCE)
async def one_token_is_written_in_many_ways(lab: Lab) -> None:
    """Add padding, line ends, foreign characters and spare bits to the text of a valid token."""
    grant = await issued(lab)
    token = grant.access_token
    head, _, rest = token.partition(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spellings = [token + "=", token + "==", token + ".", "." + token, token + "%"]
    if rest:  # a JWS: its parts may be padded, and the last letter has bits to spare
        spellings += [f"{head}=.{rest}", token[:-1] + letters[letters.index(token[-1]) ^ 1]]
    for spelled in spellings:
        await refused(lab, grant, spelled, "the token in another spelling")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-09", Need.RESOURCE)
async def another_container_is_sent(lab: Lab) -> None:
    """Send five parts, a JSON serialisation, a nested and a compressed object."""
    grant = await a_jws(lab)
    header, claims = opened(grant.access_token)
    head, payload, signature = grant.access_token.split(".")
    encrypted = part({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_000_000_000, "p2s": "AA"})
    flat = json.dumps({"protected": head, "payload": payload, "signature": signature})
    forms = {
        "an encrypted object": f"{encrypted}.AA.AA.AA.AA",
        "a JSON serialisation": b64url_encode(flat.encode()),
        "a nested object": compact({**header, "cty": "JWT"}, grant.access_token.encode(), Key()),
        "a compressed object": compact({**header, "zip": "DEF"}, claims, Key()),
        "a detached payload": f"{head}..{signature}",
    }
    for what, forged in forms.items():
        await refused(lab, grant, forged, what)
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-JOSE-10", Need.RESOURCE)
async def another_kind_of_token_is_shown(lab: Lab) -> None:
    """Show a refresh token, a proof, and invented words where an access token is wanted."""
    grant = await issued(lab)
    proof = grant.device.proof("GET", grant.address)
    for what, other in (("a refresh token", grant.refresh_token), ("a proof", proof), ("a word", "token")):
        await refused(lab, grant, other or "x", what)
    lab.refuses(await grant.refresh(refresh_token=grant.access_token), "an access token as a refresh token")
    lab.still_works(await grant.read(), "the honest read")
