"""The assertions of client-assertions.json: how a client proves itself, and how nobody does (RFC 7523 section 3)."""

from header_vectors import brought_keys, refused_everywhere
from sections import SECTIONS
from signing import (
    CLIENT,
    NOW,
    OTHER,
    RSA,
    Case,
    Groups,
    Object,
    cases,
    changed,
    eddsa,
    edwards_jwk,
    encodings,
    es256,
    hs256,
    jwk_of,
    jws,
    merged,
    mirrored,
    ps256,
    rs256,
    rsa_jwk,
)
from spelling import ambiguous, respelled, spaced

ISSUER = "https://id.example"
CLIENT_ID = "agent-backend"
HEADER: Object = {"alg": "ES256", "kid": "ec"}
KEYS = [
    {**jwk_of(CLIENT), "kid": "ec", "use": "sig", "alg": "ES256"},
    {**rsa_jwk(), "kid": "rsa", "use": "sig", "alg": "PS256"},
    {**edwards_jwk(), "kid": "edwards", "use": "sig", "alg": "EdDSA"},
]
CLAIMS: Object = {
    "iss": CLIENT_ID,
    "sub": CLIENT_ID,
    "aud": ISSUER,
    "jti": "assertion-1",
    "iat": NOW - 10,
    "exp": NOW + 50,
}


def accepted_assertions() -> Groups:
    return {
        "RFC7523-3": {
            "plain": jws(HEADER, CLAIMS, CLIENT),
            "with a type": jws({**HEADER, "typ": "JWT"}, CLAIMS, CLIENT),
            "with blanks and escapes": jws(spaced(HEADER), spaced(CLAIMS), CLIENT),
            "the mirrored signature is as good": mirrored(jws(HEADER, CLAIMS, CLIENT), CLIENT),
            **_assertions(
                {
                    "the audience is a list of one": {"aud": [ISSUER]},
                    "it has no iat": {"iat": None},
                    "nbf is now": {"nbf": NOW},
                    "it expires in a second": {"exp": NOW + 1},
                    "it lives 300 seconds": {"exp": NOW + 300},
                    "unknown claims are ignored": {"scope": "x"},
                }
            ),
        },
        "RFC8725-3.1": {
            "signed by PS256 with the key of RSA": jws({"alg": "PS256", "kid": "rsa"}, CLAIMS, ps256),
            "kid is missing and one key is for the algorithm": jws(changed(HEADER, kid=None), CLAIMS, CLIENT),
            "signed by EdDSA with the key of Ed25519": jws({"alg": "EdDSA", "kid": "edwards"}, CLAIMS, eddsa),
        },
        "RFC7515-4": {"unknown header members are ignored": jws({**HEADER, "x": 1}, CLAIMS, CLIENT)},
    }


def confused() -> Groups:
    """Each registered key used by an algorithm that it is not for."""
    public = encodings(RSA, rsa_jwk())
    return {
        "RFC8725-3.1": {
            "signed by RS256 with the key of RSA": jws({"alg": "RS256", "kid": "rsa"}, CLAIMS, rs256),
            "signed by RS256, and said to be PS256": jws({"alg": "PS256", "kid": "rsa"}, CLAIMS, rs256),
            "signed by PS256, and said to be RS256": jws({"alg": "RS256", "kid": "rsa"}, CLAIMS, ps256),
            "signed by PS256, and said to be by the EC key": jws({"alg": "PS256", "kid": "ec"}, CLAIMS, ps256),
            "signed by PS256, and said to be ES256": jws({"alg": "ES256", "kid": "rsa"}, CLAIMS, ps256),
            "signed by EdDSA, and said to be by the EC key": jws({"alg": "EdDSA", "kid": "ec"}, CLAIMS, eddsa),
            "signed by ES256, and said to be by the key of Ed25519": jws(
                {"alg": "ES256", "kid": "edwards"}, CLAIMS, es256(CLIENT)
            ),
            **{
                f"alg is HS256, signed with the public key of RSA as {form}": jws(
                    {"alg": "HS256", "kid": "rsa"}, CLAIMS, hs256(secret)
                )
                for form, secret in public.items()
            },
        },
        "RFC8725-3.10": {
            "kid is missing and the signature is by nobody's key": jws(changed(HEADER, kid=None), CLAIMS, OTHER),
            "kid is unknown": jws({**HEADER, "kid": "x"}, CLAIMS, CLIENT),
            "kid is empty": jws({**HEADER, "kid": ""}, CLAIMS, CLIENT),
            "kid is a list": jws({**HEADER, "kid": ["ec"]}, CLAIMS, CLIENT),
            "kid is a path": jws({**HEADER, "kid": "../ec"}, CLAIMS, CLIENT),
            "kid is a query": jws({**HEADER, "kid": "ec' OR 1=1 --"}, CLAIMS, CLIENT),
        },
    }


_REFUSED_CLAIMS: dict[str, dict[str, Object]] = {
    "RFC7523-3": {
        "iss is missing": {"iss": None},
        "sub is missing": {"sub": None},
        "aud is missing": {"aud": None},
        "exp is missing": {"exp": None},
        "it has expired": {"exp": NOW - 10},
        "nbf is in a minute": {"nbf": NOW + 60},
        "iat is in a minute": {"iat": NOW + 60, "exp": NOW + 90},
    },
    "RFC8725-3.8": {
        "iss is another client": {"iss": "phone"},
        "sub is another client": {"sub": "phone"},
        "iss and sub are another client": {"iss": "phone", "sub": "phone"},
        "iss is in capitals": {"iss": CLIENT_ID.upper()},
        "sub is a list": {"sub": [CLIENT_ID]},
        "sub has a zero byte": {"sub": CLIENT_ID + "\0"},
        "sub is empty": {"sub": ""},
        "sub is an address": {"sub": "https://evil.example/client"},
    },
    "RFC8725-3.9": {
        "aud is another server": {"aud": "https://other.example"},
        "aud is another path of this server": {"aud": ISSUER + "/other"},
        "aud has a slash at the end": {"aud": ISSUER + "/"},
        "aud is a longer host": {"aud": ISSUER + ".evil"},
        "aud is in capitals": {"aud": ISSUER.upper()},
        "aud is a prefix": {"aud": ISSUER[:-1]},
        "aud is an empty list": {"aud": []},
        "aud is an object": {"aud": {ISSUER: 1}},
        "aud is the client": {"aud": CLIENT_ID},
    },
    "PROFILE-audience": {
        "aud is a list with another server": {"aud": [ISSUER, "https://evil.example"]},
        "aud is the token endpoint": {"aud": ISSUER + "/token"},
    },
    "RFC7519-2": {
        "exp is a string": {"exp": "soon"},
        "exp is digits in a string": {"exp": str(NOW + 50)},
        "exp is true": {"exp": True},
        "exp is a list": {"exp": [NOW + 50]},
        "exp is negative": {"exp": -1},
        "nbf is a string": {"nbf": str(NOW)},
    },
    "PROFILE-lifetime": {
        "it lives an hour": {"exp": NOW + 3600},
        "it lives for ever": {"exp": 2**53 - 1},
        "exp is fractional": {"exp": NOW + 50.5},
    },
    "PROFILE-size": {
        "jti is missing": {"jti": None},
        "jti is empty": {"jti": ""},
        "jti is a number": {"jti": 1},
        "jti is very long": {"jti": "j" * 1000},
    },
}


def refused_assertions() -> Groups:
    payloads = {
        section: {name: jws(HEADER, payload, CLIENT) for name, payload in named.items()}
        for section, named in ambiguous(CLAIMS, "exp", required="RFC7523-3").items()
    }
    claims = {section: _assertions(changes) for section, changes in _REFUSED_CLAIMS.items()}
    return merged(
        refused_everywhere(HEADER, CLAIMS, CLIENT),
        brought_keys(HEADER, CLAIMS),
        confused(),
        respelled(jws(HEADER, CLAIMS, CLIENT)),
        payloads,
        claims,
        {"RFC7515-5.2": {"it is signed by a key that is not the client's": jws(HEADER, CLAIMS, OTHER)}},
    )


def _assertions(changes: dict[str, Object]) -> dict[str, str]:
    return {name: jws(HEADER, changed(CLAIMS, **change), CLIENT) for name, change in changes.items()}


def assertion_cases() -> list[Case]:
    return [
        *cases("assertion", accepted_assertions(), "accepted"),
        *cases("assertion", refused_assertions(), "invalid_client"),
    ]


def assertion_file() -> Object:
    """The whole content of client-assertions.json."""
    found = assertion_cases()
    return {
        "format": 2,
        "now": NOW,
        "issuer": ISSUER,
        "client_id": CLIENT_ID,
        "jwks": {"keys": KEYS},
        "sections": {name: SECTIONS[name] for name in sorted({case["section"] for case in found})},
        "cases": found,
    }
