"""The proofs of dpop-proofs.json: what a server must accept, refuse, or answer with a nonce (RFC 9449 section 4.3)."""

import hashlib
import json

from segue.nonce import Nonces
from signing import (
    DEVICE,
    NOW,
    OTHER,
    OTHER_ALGORITHMS,
    Case,
    Object,
    ambiguous,
    b64,
    cases,
    changed,
    jwk_of,
    jws,
    mirrored,
    respelled,
    thumbprint,
)

SECRET, INCARNATION = bytes(range(32)), b"incarnation-0001"
NONCE = Nonces(SECRET).issue(NOW, INCARNATION)
TOKEN = "a-task-token"  # noqa: S105  an example
HTM, HTU = "POST", "https://tasks.example/tasks/tsk_1/events"

HEADER: Object = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk_of(DEVICE)}
CLAIMS: Object = {
    "jti": "jti-1",
    "htm": HTM,
    "htu": HTU,
    "iat": NOW,
    "nonce": NONCE,
    "ath": b64(hashlib.sha256(TOKEN.encode()).digest()),
}


def proof(header: object = HEADER, claims: object = CLAIMS) -> str:
    return jws(header, claims, DEVICE)


def accepted_proofs() -> dict[str, str]:
    jwk = jwk_of(DEVICE)
    return {
        "plain": proof(),
        "unknown header members are ignored": proof(changed(HEADER, kid="k", cty="x", jku="https://evil.example")),
        "unknown members of the jwk are ignored": proof(changed(HEADER, jwk={**jwk, "kid": "k", "use": "sig"})),
        "unknown claims are ignored": proof(claims={**CLAIMS, "extra": {"a": [1, 2.5, "é"]}}),
        "the mirrored signature is as good": mirrored(proof(), DEVICE),
        "iat is 60 seconds ago": proof(claims={**CLAIMS, "iat": NOW - 60}),
        "iat is 60 seconds ahead": proof(claims={**CLAIMS, "iat": NOW + 60}),
        "jti has one character": proof(claims={**CLAIMS, "jti": "j"}),
        "jti has 255 characters": proof(claims={**CLAIMS, "jti": "j" * 255}),
        "the nonce is of the slot before": proof(
            claims={**CLAIMS, "nonce": Nonces(SECRET).issue(NOW - 60, INCARNATION)}
        ),
        "htu has scheme and host in capitals": proof(
            claims={**CLAIMS, "htu": "HTTPS://Tasks.EXAMPLE/tasks/tsk_1/events"}
        ),
        "htu names the default port": proof(claims={**CLAIMS, "htu": "https://tasks.example:443/tasks/tsk_1/events"}),
        "htu has a query": proof(claims={**CLAIMS, "htu": HTU + "?after=3"}),
        "htu has a fragment": proof(claims={**CLAIMS, "htu": HTU + "#top"}),
    }


def refused_headers() -> dict[str, str]:
    jwk = jwk_of(DEVICE)
    x, numbers = jwk["x"], DEVICE.public_key().public_numbers()
    raw_x, raw_y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    headers: dict[str, object] = {
        "the header is a list": [HEADER],
        "the header repeats a member": b'{"alg":"none",' + json.dumps(HEADER).encode()[1:],
        "typ is missing": changed(HEADER, typ=None),
        "crit is empty": changed(HEADER, crit=[]),
        "crit names an extension": changed(HEADER, crit=["exp"], exp=NOW),
        "the payload is said to be unencoded": changed(HEADER, crit=["b64"], b64=False),
        "b64 comes without crit": changed(HEADER, b64=False),
        "jwk is missing": changed(HEADER, jwk=None),
        "jwk is a string": changed(HEADER, jwk=json.dumps(jwk)),
        "jwk is private": changed(HEADER, jwk={**jwk, "d": b64((0xD0).to_bytes(32, "big"))}),
        "jwk has an empty private part": changed(HEADER, jwk={**jwk, "d": ""}),
        "jwk is symmetric": changed(HEADER, jwk={"kty": "oct", "k": b64(bytes(32))}),
        "jwk is RSA": changed(HEADER, jwk={"kty": "RSA", "n": b64(b"\xff" * 64), "e": "AQAB"}),
        "jwk is Ed25519": changed(HEADER, jwk={"kty": "OKP", "crv": "Ed25519", "x": x}),
        "jwk is of another type": changed(HEADER, jwk={**jwk, "kty": "OKP"}),
        "jwk is on another curve": changed(HEADER, jwk={**jwk, "crv": "P-384"}),
        "jwk is on secp256k1": changed(HEADER, jwk={**jwk, "crv": "secp256k1"}),
        "jwk has no y": changed(HEADER, jwk=changed(jwk, y=None)),
        "jwk has x as a number": changed(HEADER, jwk={**jwk, "x": 1}),
        "jwk has a point off the curve": changed(HEADER, jwk={**jwk, "y": x}),
        "jwk is the point at zero": changed(HEADER, jwk={**jwk, "x": b64(bytes(32)), "y": b64(bytes(32))}),
        "jwk has a coordinate above the prime": changed(HEADER, jwk={**jwk, "x": b64(b"\xff" * 32)}),
        "jwk has a short coordinate": changed(HEADER, jwk={**jwk, "x": b64(bytes(31))}),
        "jwk has a coordinate with a leading zero byte": changed(HEADER, jwk={**jwk, "y": b64(bytes(1) + raw_y)}),
        "jwk has a byte of x moved to y": changed(
            HEADER, jwk={**jwk, "x": b64(raw_x[:31]), "y": b64(raw_x[31:] + raw_y)}
        ),
        "jwk has a padded coordinate": changed(HEADER, jwk={**jwk, "x": x + "="}),
        "jwk has spare bits in a coordinate": changed(HEADER, jwk={**jwk, "x": x[:-1] + chr(ord(x[-1]) + 1)}),
        "jwk is another key": changed(HEADER, jwk=jwk_of(OTHER)),
        **{
            f"typ is {typ}": changed(HEADER, typ=typ)
            for typ in ("JWT", "at+jwt", "DPoP+JWT", "dbsc+jwt", " dpop+jwt", 1)
        },
        **{f"alg is {alg}": changed(HEADER, alg=alg) for alg in OTHER_ALGORITHMS},
    }
    return {name: proof(header) for name, header in headers.items()} | {
        "alg is missing": proof(changed(HEADER, alg=None)),
        "the signature is by another key": jws(HEADER, CLAIMS, OTHER),
        "alg is none and nothing is signed": jws(changed(HEADER, alg="none"), CLAIMS, DEVICE, signature=b""),
    }


def refused_claims() -> dict[str, str]:
    changes: dict[str, Object] = {
        "iat is 61 seconds ago": {"iat": NOW - 61},
        "iat is 61 seconds ahead": {"iat": NOW + 61},
        "jti is missing": {"jti": None},
        "jti is empty": {"jti": ""},
        "jti has 256 characters": {"jti": "j" * 256},
        "jti is a number": {"jti": 1},
        "htm is missing": {"htm": None},
        "htm is another method": {"htm": "GET"},
        "htm is in small letters": {"htm": "post"},
        "htm is a list": {"htm": [HTM]},
        "htu is missing": {"htu": None},
        "htu is a list": {"htu": [HTU]},
        "htu is of another scheme": {"htu": HTU.replace("https", "http")},
        "htu is of another host": {"htu": HTU.replace("tasks.example", "evil.example")},
        "htu is of a longer host": {"htu": HTU.replace("tasks.example", "tasks.example.evil")},
        "htu has a dot after the host": {"htu": HTU.replace("tasks.example", "tasks.example.")},
        "htu is of another port": {"htu": HTU.replace("tasks.example", "tasks.example:8443")},
        "htu names the other default port": {"htu": HTU.replace("tasks.example", "tasks.example:80")},
        "htu has a port with a leading zero": {"htu": HTU.replace("tasks.example", "tasks.example:0443")},
        "htu has an empty port": {"htu": HTU.replace("tasks.example", "tasks.example:")},
        "htu has a user name": {"htu": HTU.replace("//", "//tasks.example@")},
        "htu is of another path": {"htu": HTU.replace("tsk_1", "tsk_2")},
        "htu is a prefix": {"htu": HTU[:-1]},
        "htu is longer": {"htu": HTU + "/1"},
        "htu has a slash at the end": {"htu": HTU + "/"},
        "htu has a double slash": {"htu": HTU.replace("/tasks/", "//tasks/")},
        "htu has dot segments": {"htu": HTU.replace("/tasks/", "/x/../tasks/")},
        "htu has a path in capitals": {"htu": HTU.replace("/tasks/", "/TASKS/")},
        "htu has a percent-encoded letter": {"htu": HTU.replace("events", "event%73")},
        "htu is relative": {"htu": "/tasks/tsk_1/events"},
        "htu has a long s in the scheme": {"htu": HTU.replace("https", "http\u017f")},
        "htu has a Kelvin sign in the host": {"htu": HTU.replace("tasks.example", "tas\u212as.example")},
        "htu has a blank at the end": {"htu": HTU + " "},
        "htu has a line feed": {"htu": HTU + "\n"},
        "htu has a tab in the scheme": {"htu": "ht\ttps" + HTU[5:]},
        "ath is missing": {"ath": None},
        "ath is empty": {"ath": ""},
        "ath is of another token": {"ath": b64(hashlib.sha256(b"another").digest())},
        "ath is truncated": {"ath": CLAIMS["ath"][:-1]},
        "ath is padded": {"ath": CLAIMS["ath"] + "="},
        "ath is not ASCII": {"ath": "é"},
        "ath is a number": {"ath": 1},
    }
    return {name: proof(claims=changed(CLAIMS, **change)) for name, change in changes.items()}


def proofs_without_nonce() -> dict[str, str]:
    nonces: dict[str, object] = {
        "the nonce is missing": None,
        "the nonce is empty": "",
        "the nonce is made up": b64(bytes(32)),
        "the nonce is a number": 1,
        "the nonce is not ASCII": "é",
        "the nonce is a list": [NONCE],
        "the nonce is two slots old": Nonces(SECRET).issue(NOW - 120, INCARNATION),
        "the nonce is of the slot to come": Nonces(SECRET).issue(NOW + 60, INCARNATION),
        "the nonce is another server's": Nonces(bytes(32)).issue(NOW, INCARNATION),
        "the nonce is of a memory that was lost": Nonces(SECRET).issue(NOW, b"incarnation-0000"),
    }
    return {name: proof(claims=changed(CLAIMS, nonce=nonce)) for name, nonce in nonces.items()}


def proof_cases() -> list[Case]:
    refused = refused_headers() | dict(respelled(proof())) | refused_claims()
    refused |= {name: proof(claims=payload) for name, payload in ambiguous(CLAIMS, "iat")}
    other = jws(changed(HEADER, jwk=jwk_of(OTHER)), CLAIMS, OTHER)
    return [
        *cases("proofs", {name: [text] for name, text in accepted_proofs().items()}, "accepted"),
        *cases("proofs", {name: [text] for name, text in refused.items()}, "invalid_dpop_proof"),
        *cases("proofs", {name: [text] for name, text in proofs_without_nonce().items()}, "use_dpop_nonce"),
        *cases("proofs", {"the key is another than the token's": [other]}, "wrong_key"),
        *cases("proofs", {"there is no proof": [], "there are two": [proof(), proof()]}, "invalid_dpop_proof"),
        *cases("proofs", {"there are two in one field": [f"{proof()}, {proof()}"]}, "invalid_dpop_proof"),
    ]


def proof_file() -> Object:
    """The whole content of dpop-proofs.json."""
    nonces = {"secret": b64(SECRET), "lifetime": 60, "incarnation": INCARNATION.decode()}
    request = {"htm": HTM, "htu": HTU, "access_token": TOKEN, "jkt": thumbprint(jwk_of(DEVICE))}
    return {"now": NOW, "request": request, "nonces": nonces, "cases": proof_cases()}
