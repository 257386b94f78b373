"""The proofs of dpop-proofs.json: what a server must accept, refuse, or answer with a nonce (RFC 9449 section 4.3)."""

import hashlib
from dataclasses import dataclass

from header_vectors import refused_everywhere
from jwk_vectors import refused_keys
from sections import SECTIONS
from segue.nonce import Nonces
from signing import (
    DEVICE,
    NOW,
    OTHER,
    P384,
    Case,
    Groups,
    Object,
    b64,
    cases,
    changed,
    eddsa,
    edwards_jwk,
    encode,
    es384,
    jwk_of,
    jws,
    merged,
    mirrored,
    ps256,
    rs256,
    rsa_jwk,
    thumbprint,
)
from spelling import ambiguous, respelled, spaced

SECRET, INCARNATION = bytes(range(32)), b"incarnation-0001"
HEADER: Object = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk_of(DEVICE)}
OTHER_DIGITS = "\u0664\u0664\u0663"


@dataclass(frozen=True)
class Asked:
    """The request that the proofs are for, at a server with a clock and its nonces. Without a token there is no ath."""

    htm: str
    htu: str
    nonce: str
    token: str | None
    now: int = NOW
    jti: str = "jti-1"

    @property
    def claims(self) -> Object:
        ath = None if self.token is None else b64(hashlib.sha256(self.token.encode()).digest())
        said = {"jti": self.jti, "htm": self.htm, "htu": self.htu, "iat": self.now, "nonce": self.nonce, "ath": ath}
        return changed(said)

    def proof(self, header: object = HEADER, **changes: object) -> str:
        return jws(header, changed(self.claims, **changes), DEVICE)


ASKED = Asked(
    "POST", "https://tasks.example/tasks/tsk_1/events", Nonces(SECRET).issue(NOW, INCARNATION), "a-task-token"
)


BEFORE = Nonces(SECRET).issue(NOW - 60, INCARNATION)


def accepted_proofs(asked: Asked) -> Groups:
    jwk, proof, now, htu = jwk_of(DEVICE), asked.proof, asked.now, asked.htu
    scheme, host, path = _parts(htu)
    port = {"https": 443, "http": 80}[scheme]
    return {
        "RFC9449-4.3#2": {
            "plain": proof(),
            "with blanks and escapes": jws(spaced(HEADER), spaced(asked.claims), DEVICE),
            "the mirrored signature is as good": mirrored(proof(), DEVICE),
        },
        "RFC7515-4": {
            "unknown header members are ignored": proof(changed(HEADER, kid="k", cty="x", zip="DEF")),
            "addresses of keys are ignored": proof(
                changed(HEADER, jku="https://evil.example", x5u="https://evil.example", x5c=["AAAA"])
            ),
            "unknown members of the jwk are ignored": proof(changed(HEADER, jwk={**jwk, "kid": "k", "use": "sig"})),
        },
        "RFC7519-7.2": {"unknown claims are ignored": proof(extra={"a": [1, 2.5, "é", None, -0.0, "\u0000"]})},
        "RFC9449-4.3#11": {
            "iat is 60 seconds ago": proof(iat=now - 60),
            "iat is 60 seconds ahead": proof(iat=now + 60),
            "nbf is now": proof(nbf=now),
        },
        "RFC9449-4.2": {
            "jti has one character": proof(jti="j"),
            "jti has 255 characters": proof(jti="j" * 255),
            "jti is of any script": proof(jti="\u00e9\u4e2d\U0001f600"),
        },
        "RFC9449-4.3#9": {
            "htu has scheme and host in capitals": proof(htu=f"{scheme.upper()}://{host.title()}{path}"),
            "htu has a query": proof(htu=htu + "?after=3"),
            "htu has a fragment": proof(htu=htu + "#top"),
        }
        | ({} if ":" in host else {"htu names the default port": proof(htu=f"{scheme}://{host}:{port}{path}")}),
    }


def refused_headers(asked: Asked) -> Groups:
    proof = asked.proof
    return merged(
        refused_everywhere(HEADER, asked.claims, DEVICE),
        {
            section: {name: proof(changed(HEADER, jwk=jwk)) for name, jwk in keys.items()}
            for section, keys in refused_keys().items()
        },
        {
            "RFC9449-4.3#4": {
                "typ is missing": proof(changed(HEADER, typ=None)),
                **{f"typ is {typ}": proof({**HEADER, "typ": typ}) for typ in ("JWT", "at+jwt", "dbsc+jwt", "dpop", 1)},
            },
            "PROFILE-type": {
                f"typ is {typ!r}": proof({**HEADER, "typ": typ})
                for typ in ("DPoP+JWT", " dpop+jwt", "dpop+jwt;v=1", "application/dpop+jwt")
            },
            "RFC7518-6.2": {"jwk is null": proof(encode(HEADER | {"jwk": None}))},
            "RFC7515-10.12": {
                "jwk repeats a member": proof(encode(HEADER).replace(b'"x":', b'"x":"AAAA","x":')),
                "jwk is there twice": proof(encode(HEADER)[:-1] + b',"jwk":{}}'),
            },
            "RFC9449-4.3#6": {
                "jwk is another key": proof({**HEADER, "jwk": jwk_of(OTHER)}),
                "jwk is missing": proof(changed(HEADER, jwk=None)),
                "jwk is missing and kid names the key": proof(
                    changed(HEADER, jwk=None, kid=thumbprint(jwk_of(DEVICE)))
                ),
            },
            "PROFILE-algorithms": {
                "jwk is Ed25519, and signs by EdDSA": jws(_header("EdDSA", edwards_jwk()), asked.claims, eddsa),
                "jwk is Ed25519, and signs by Ed25519": jws(_header("Ed25519", edwards_jwk()), asked.claims, eddsa),
                "jwk is RSA, and signs by RS256": jws(_header("RS256", rsa_jwk()), asked.claims, rs256),
                "jwk is RSA, and signs by PS256": jws(_header("PS256", rsa_jwk()), asked.claims, ps256),
                "jwk is P-384, and signs by ES384": jws(_header("ES384", jwk_of(P384)), asked.claims, es384(P384)),
            },
            "RFC8725-3.4": {
                "jwk is an Ed25519 key of small order, whose signature fits every text": jws(
                    _header("EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\x01" + bytes(31))}),
                    asked.claims,
                    DEVICE,
                    signature=b"\x01" + bytes(63),
                ),
            },
        },
    )


def refused_claims(asked: Asked) -> Groups:
    htm, htu, now = asked.htm, asked.htu, asked.now
    scheme, host, path = _parts(htu)
    name = host.partition(":")[0]
    other = "http" if scheme == "https" else "https"
    changes: dict[str, dict[str, Object]] = {
        "RFC9449-4.3#11": {
            "iat is 61 seconds ago": {"iat": now - 61},
            "iat is 61 seconds ahead": {"iat": now + 61},
            "nbf is 61 seconds ahead": {"nbf": now + 61},
        },
        "RFC7519-2": {
            "nbf is a string": {"nbf": str(now)},
            "nbf is true": {"nbf": True},
            "nbf is a list": {"nbf": [now]},
        },
        "RFC9449-4.3#3": {f"{name} is missing": {name: None} for name in ("jti", "htm", "htu")},
        "RFC9449-4.2": {
            "jti is empty": {"jti": ""},
            "jti is a number": {"jti": 1},
            "jti is a list": {"jti": ["j"]},
            "htm is a list": {"htm": [htm]},
            "htu is a list": {"htu": [htu]},
        },
        "PROFILE-size": {"jti has 256 characters": {"jti": "j" * 256}, "jti is very long": {"jti": "j" * 5000}},
        "RFC9449-4.3#8": {
            "htm is another method": {"htm": "GET"},
            "htm is in small letters": {"htm": htm.lower()},
            "htm has a blank": {"htm": htm + " "},
            "htm is empty": {"htm": ""},
        },
        "RFC9449-4.3#9": {
            "htu is empty": {"htu": ""},
            "htu is of another scheme": {"htu": f"{other}://{host}{path}"},
            "htu is of another host": {"htu": f"{scheme}://evil.example{path}"},
            "htu is of a longer host": {"htu": f"{scheme}://{name}.evil{path}"},
            "htu has a dot after the host": {"htu": f"{scheme}://{host.replace(name, name + '.')}{path}"},
            "htu is of another port": {"htu": f"{scheme}://{name}:8443{path}"},
            "htu names the other default port": {"htu": f"{scheme}://{name}:{80 if scheme == 'https' else 443}{path}"},
            "htu has a port with a leading zero": {"htu": f"{scheme}://{name}:0443{path}"},
            "htu has a port that is too large": {"htu": f"{scheme}://{name}:65979{path}"},
            "htu has a port of other digits": {"htu": f"{scheme}://{name}:{OTHER_DIGITS}{path}"},
            "htu has a user name": {"htu": htu.replace("//", f"//{name}@")},
            "htu has the host as a user name": {"htu": f"{scheme}://{name}@evil.example{path}"},
            "htu has a backslash": {"htu": f"{scheme}://evil.example\\@{host}{path}"},
            "htu is of another path": {"htu": htu + "/x"},
            "htu is a prefix": {"htu": htu[:-1]},
            "htu has a slash at the end": {"htu": htu + "/"},
            "htu has a double slash": {"htu": f"{scheme}://{host}/{path}"},
            "htu has dot segments": {"htu": f"{scheme}://{host}/x/..{path}"},
            "htu has a path in capitals": {"htu": f"{scheme}://{host}{path.upper()}"},
            "htu is relative": {"htu": path},
            "htu has no scheme": {"htu": htu.partition(":")[2]},
            "htu has a long s in the scheme": {"htu": f"http\u017f://{host}{path}"},
            "htu has a Kelvin sign in the host": {"htu": f"{scheme}://{host.replace('k', chr(0x212A))}\u212a{path}"},
            "htu has full-width letters": {"htu": f"{scheme}://\uff54{host[1:]}{path}"},
            "htu has a blank at the end": {"htu": htu + " "},
            "htu has a line feed": {"htu": htu + "\n"},
            "htu has a zero byte": {"htu": htu + "\0"},
            "htu has a tab in the scheme": {"htu": htu[:2] + "\t" + htu[2:]},
            "htu is very long": {"htu": htu + "/a" * 2000},
        },
        "PROFILE-canonical": {
            "htu has a percent-encoded letter": {"htu": f"{scheme}://{host}{path[:-1]}%{ord(path[-1]):02x}"},
            "htu has an empty port": {"htu": f"{scheme}://{name}:{path}"},
        },
    }
    if asked.token is not None:
        changes["RFC9449-4.3#12"] = {
            "ath is missing": {"ath": None},
            "ath is empty": {"ath": ""},
            "ath is of another token": {"ath": b64(hashlib.sha256(b"another").digest())},
            "ath is truncated": {"ath": asked.claims["ath"][:-1]},
            "ath is padded": {"ath": asked.claims["ath"] + "="},
            "ath is in small letters": {"ath": asked.claims["ath"].lower()},
            "ath is the token": {"ath": asked.token},
            "ath is hexadecimal": {"ath": hashlib.sha256(asked.token.encode()).hexdigest()},
            "ath is not ASCII": {"ath": "é"},
            "ath is a number": {"ath": 1},
            "ath is a list": {"ath": [asked.claims["ath"]]},
        }
    return {section: {name: asked.proof(**each) for name, each in named.items()} for section, named in changes.items()}


def proofs_without_nonce(asked: Asked) -> Groups:
    nonces: dict[str, object] = {
        "the nonce is missing": None,
        "the nonce is empty": "",
        "the nonce is made up": b64(bytes(32)),
        "the nonce is cut off": asked.nonce[:-1],
        "the nonce is padded": asked.nonce + "=",
        "the nonce is very long": asked.nonce * 50,
        "the nonce is a number": 1,
        "the nonce is not ASCII": "é",
        "the nonce is a list": [asked.nonce],
        "the nonce is two slots old": Nonces(SECRET).issue(NOW - 120, INCARNATION),
        "the nonce is of the slot to come": Nonces(SECRET).issue(NOW + 60, INCARNATION),
        "the nonce is another server's": Nonces(bytes(32)).issue(NOW, INCARNATION),
        "the nonce is of a memory that was lost": Nonces(SECRET).issue(NOW, b"incarnation-0000"),
    }
    return {"RFC9449-4.3#10": {name: asked.proof(nonce=nonce) for name, nonce in nonces.items()}}


def refused_proofs(asked: Asked) -> Groups:
    payloads = {
        section: {name: jws(HEADER, payload, DEVICE) for name, payload in named.items()}
        for section, named in ambiguous(asked.claims, "iat", required="RFC9449-4.3#3").items()
    }
    return merged(refused_headers(asked), respelled(asked.proof()), refused_claims(asked), payloads)


def proof_cases() -> list[Case]:
    other = jws({**HEADER, "jwk": jwk_of(OTHER)}, ASKED.claims, OTHER)
    two = {
        "there is no proof": [],
        "there are two": [ASKED.proof(), ASKED.proof()],
        "there are two, and one is empty": [ASKED.proof(), ""],
    }
    in_one = {
        "there are two in one field": [f"{ASKED.proof()}, {ASKED.proof()}"],
        "it is in quotes": [f'"{ASKED.proof()}"'],
        "it is said to be DPoP": [f"DPoP {ASKED.proof()}"],
    }
    return [
        *cases("proofs", _fields(accepted_proofs(ASKED)), "accepted"),
        *cases("proofs", {"RFC9449-8": {"the nonce is of the slot before": [ASKED.proof(nonce=BEFORE)]}}, "accepted"),
        *cases("proofs", _fields(refused_proofs(ASKED)), "invalid_dpop_proof"),
        *cases("proofs", _fields(proofs_without_nonce(ASKED)), "use_dpop_nonce"),
        *cases("proofs", {"RFC9449-4.3#12": {"the key is another than the token's": [other]}}, "wrong_key"),
        *cases("proofs", {"RFC9449-4.3#1": two, "RFC9449-4.3#2": in_one}, "invalid_dpop_proof"),
    ]


def proof_file() -> Object:
    """The whole content of dpop-proofs.json."""
    nonces = {
        "accepted": [ASKED.nonce, BEFORE],
        "secret": b64(SECRET),
        "lifetime": 60,
        "incarnation": INCARNATION.decode(),
    }
    jkt = thumbprint(jwk_of(DEVICE))
    request = {"htm": ASKED.htm, "htu": ASKED.htu, "access_token": ASKED.token, "jkt": jkt}
    found = proof_cases()
    used = {name: SECTIONS[name] for name in sorted({case["section"] for case in found})}
    return {"format": 2, "now": NOW, "request": request, "nonces": nonces, "sections": used, "cases": found}


def _header(alg: str, jwk: Object) -> Object:
    return {"typ": "dpop+jwt", "alg": alg, "jwk": jwk}


def _parts(htu: str) -> tuple[str, str, str]:
    scheme, _, rest = htu.partition("://")
    host, _, path = rest.partition("/")
    return scheme, host, "/" + path


def _fields(groups: Groups) -> dict[str, dict[str, list[str]]]:
    """Each proof as the one header field of its request."""
    return {section: {name: [text] for name, text in named.items()} for section, named in groups.items()}
