"""The tokens of task-tokens.json: what a resource server must accept and refuse (RFC 9068 section 4)."""

import json

from header_vectors import brought_keys, refused_everywhere
from sections import SECTIONS
from signing import (
    DEVICE,
    ISSUER,
    NOW,
    Case,
    Groups,
    Object,
    cases,
    changed,
    jwk_of,
    jws,
    merged,
    mirrored,
    thumbprint,
)
from spelling import ambiguous, respelled, spaced

KID = thumbprint(jwk_of(ISSUER))
HEADER: Object = {"typ": "at+jwt", "alg": "ES256", "kid": KID}
DETAIL: Object = {
    "type": "task",
    "task_id": "tsk_1",
    "actions": ["events:append", "task:read"],
    "epoch": 7,
    "transfer_id": "trf_1",
}
CLAIMS: Object = {
    "iss": "https://id.example",
    "sub": "usr_1",
    "aud": "https://tasks.example",
    "client_id": "desktop",
    "iat": NOW - 10,
    "exp": NOW + 290,
    "jti": "tok_1",
    "cnf": {"jkt": thumbprint(jwk_of(DEVICE))},
    "auth_time": NOW - 100,
    "acr": "urn:segue:acr:password",
    "device_id": "dev_1",
    "grant_id": "grt_1",
    "authorization_details": [DETAIL],
}


def _acting(*clients: object) -> Object:
    """The claim of a token that came of exchanges (RFC 8693 section 4.1): who acts, and who acted before."""
    first, *before = clients
    return {"sub": first, "act": _acting(*before)} if before else {"sub": first}


def accepted_tokens() -> Groups:
    headers: dict[str, Object] = {
        "plain": HEADER,
        "typ is written in full": {**HEADER, "typ": "application/at+jwt"},
        "typ is in capitals": {**HEADER, "typ": "AT+JWT"},
        "typ is written in full and in capitals": {**HEADER, "typ": "Application/AT+JWT"},
    }
    return {
        "RFC9068-4": {name: jws(header, CLAIMS, ISSUER) for name, header in headers.items()}
        | {
            "with blanks and escapes": jws(spaced(HEADER), spaced(CLAIMS), ISSUER),
            "the mirrored signature is as good": mirrored(jws(HEADER, CLAIMS, ISSUER), ISSUER),
        },
        "RFC7515-4": {"unknown header members are ignored": jws({**HEADER, "x": 1, "zip": "DEF"}, CLAIMS, ISSUER)},
        "RFC7519-7.2": {"unknown claims are ignored": jws(HEADER, {**CLAIMS, "scope": "x", "n": 1.5}, ISSUER)},
        "RFC7519-2": _tokens(
            {
                "iat is five seconds ahead": {"iat": NOW + 5, "exp": NOW + 200},
                "it expires in a second": {"exp": NOW + 1},
                "nbf is now": {"nbf": NOW},
                "nbf is the first second there was": {"nbf": 0},
            }
        ),
        "PROFILE-task": _tokens(
            {
                "there is no transfer": {"authorization_details": [changed(DETAIL, transfer_id=None)]},
                "auth_time and acr are missing": {"auth_time": None, "acr": None},
                "a client acts, for which another acted": {"act": _acting("desktop", "backend", "phone")},
            }
        ),
    }


def refused_headers() -> Groups:
    headers: dict[str, dict[str, object]] = {
        "RFC8725-3.10": {
            "kid is missing": changed(HEADER, kid=None),
            "kid is a list": {**HEADER, "kid": [KID]},
            "kid is a number": {**HEADER, "kid": 0},
            "kid is empty": {**HEADER, "kid": ""},
            "kid is unknown": {**HEADER, "kid": "another"},
            "kid has 256 characters": {**HEADER, "kid": "k" * 256},
            "kid has a blank": {**HEADER, "kid": KID + " "},
            "kid is cut off": {**HEADER, "kid": KID[:-1]},
            "kid is in small letters": {**HEADER, "kid": KID.lower()},
            "kid is a path": {**HEADER, "kid": "../../dev/null"},
            "kid is a query": {**HEADER, "kid": "' OR 1=1 --"},
            "kid is an address": {**HEADER, "kid": "https://evil.example/key"},
            "kid is a wildcard": {**HEADER, "kid": "*"},
        },
        "RFC8725-3.11": {
            "typ is missing": changed(HEADER, typ=None),
            **{
                f"typ is {typ!r}": {**HEADER, "typ": typ}
                for typ in (
                    *("JWT", "dpop+jwt", "segue-service+jwt", "token-introspection+jwt", "secevent+jwt", "logout+jwt"),
                    *("oauth-authz-req+jwt", "xat+jwt", "at+jwt ", "at+jwt;v=1", "a\u017f+jwt", "text/at+jwt", "", 1),
                )
            },
        },
    }
    tokens = {
        section: {name: jws(each, CLAIMS, ISSUER) for name, each in named.items()} for section, named in headers.items()
    }
    return merged(refused_everywhere(HEADER, CLAIMS, ISSUER), brought_keys(HEADER, CLAIMS), tokens)


_TEXTS = ("sub", "client_id", "jti", "device_id", "grant_id")
_REQUIRED = ("sub", "client_id", "jti", "iss", "aud", "iat", "exp")
_JKT = CLAIMS["cnf"]["jkt"]
_REFUSED_CLAIMS: dict[str, dict[str, Object]] = {
    "RFC9068-4": {
        "it expires now": {"exp": NOW},
        "it has expired": {"exp": NOW - 1, "iat": NOW - 200},
        "iss has a slash at the end": {"iss": "https://id.example/"},
        "iss is in capitals": {"iss": "https://ID.example"},
        "iss is a prefix": {"iss": "https://id.exampl"},
        "iss is longer": {"iss": "https://id.example.evil"},
        "iss is a list": {"iss": ["https://id.example"]},
        "iss is empty": {"iss": ""},
        **{f"{name} is missing": {name: None} for name in _REQUIRED},
    },
    "RFC7519-2": {
        "nbf is in a second": {"nbf": NOW + 1},
        "nbf is a string": {"nbf": "0"},
        "exp is true": {"exp": True},
        "exp is a string": {"exp": str(NOW + 200)},
        "exp is a list": {"exp": [NOW + 200]},
        "exp is an object": {"exp": {}},
        "exp is negative": {"exp": -1},
        "auth_time is a string": {"auth_time": "0"},
        "auth_time is true": {"auth_time": True},
    },
    "PROFILE-lifetime": {
        "iat is six seconds ahead": {"iat": NOW + 6, "exp": NOW + 200},
        "it lives 301 seconds": {"exp": NOW + 291},
        "it ends before it begins": {"iat": NOW + 4, "exp": NOW + 3 - 300},
        "exp is fractional": {"exp": NOW + 1.5},
        "exp is beyond all integers": {"exp": 2**53},
        "nbf is fractional": {"nbf": NOW - 0.5},
        "auth_time is negative": {"auth_time": -1},
    },
    "RFC8725-3.9": {
        "aud is another": {"aud": "https://agent.example"},
        "aud is empty": {"aud": ""},
        "aud is an empty list": {"aud": []},
        "aud is a list of another": {"aud": ["https://agent.example"]},
        "aud has a slash at the end": {"aud": "https://tasks.example/"},
        "aud is in capitals": {"aud": "https://TASKS.example"},
        "aud is a longer host": {"aud": "https://tasks.example.evil"},
        "aud is a prefix": {"aud": "https://tasks.exampl"},
        "aud is an object": {"aud": {"https://tasks.example": 1}},
    },
    "PROFILE-audience": {
        "aud is a list": {"aud": ["https://tasks.example"]},
        "aud is a list of two": {"aud": ["https://tasks.example", "https://agent.example"]},
    },
    "RFC9449-6.1": {
        "cnf is missing": {"cnf": None},
        "cnf is empty": {"cnf": {}},
        "cnf is a string": {"cnf": _JKT},
        "cnf is a list": {"cnf": [{"jkt": _JKT}]},
        "cnf has a whole key": {"cnf": {"jwk": jwk_of(DEVICE)}},
        "jkt is a number": {"cnf": {"jkt": 1}},
        "jkt is short": {"cnf": {"jkt": _JKT[:-1]}},
        "jkt is padded": {"cnf": {"jkt": _JKT + "="}},
        "jkt has a line feed": {"cnf": {"jkt": _JKT + "\n"}},
        "jkt is hexadecimal": {"cnf": {"jkt": "0" * 64}},
    },
    "PROFILE-task": {
        "cnf has a certificate beside the key": {"cnf": {"jkt": _JKT, "x5t#S256": _JKT}},
        "acr is a list": {"acr": ["x"]},
        "acr is empty": {"acr": ""},
        "act is a string": {"act": "desktop"},
        "act is empty": {"act": {}},
        "act is another client": {"act": _acting("phone")},
        "act is no text": {"act": _acting(["desktop"])},
        "act has another claim": {"act": {"sub": "desktop", "iss": "https://evil.example"}},
        "act is a list": {"act": [{"sub": "desktop"}]},
        "act inside another is a string": {"act": {"sub": "desktop", "act": "phone"}},
        "act is a chain of four": {"act": _acting("desktop", *"abc")},
        "device_id is missing": {"device_id": None},
        "grant_id is missing": {"grant_id": None},
        **{f"{name} is {value!r}": {name: value} for name in _TEXTS for value in ("", 1, ["x"])},
    },
    "PROFILE-size": {f"{name} has 256 characters": {name: "x" * 256} for name in _TEXTS},
}


def refused_details() -> dict[str, dict[str, object]]:
    details: dict[str, object] = {
        "the details are missing": None,
        "the details are an object": DETAIL,
        "the details are JSON in a string": json.dumps([DETAIL]),
        "the details are an empty list": [],
        "the details are two tasks": [DETAIL, {**DETAIL, "task_id": "tsk_2"}],
        "the details hold a string": ["task"],
        "the details are of another type": [{**DETAIL, "type": "payment"}],
        "the details have an unknown member": [{**DETAIL, "role": "owner"}],
        "the details name no task": [changed(DETAIL, task_id=None)],
        "the details name every task": [{**DETAIL, "task_id": "*"}],
        "the details name a list of tasks": [{**DETAIL, "task_id": ["tsk_1"]}],
        "the details name a path": [{**DETAIL, "task_id": "tsk_1/.."}],
        "the details name a task and a line feed": [{**DETAIL, "task_id": "tsk_1\n"}],
        "the details have no actions": [changed(DETAIL, actions=None)],
        "the actions are empty": [{**DETAIL, "actions": []}],
        "the actions are a string": [{**DETAIL, "actions": "task:read"}],
        "the actions are an object": [{**DETAIL, "actions": {"task:read": 1}}],
        "the actions hold a wildcard": [{**DETAIL, "actions": ["*"]}],
        "the actions hold a number": [{**DETAIL, "actions": [1]}],
        "the actions hold a list": [{**DETAIL, "actions": [["task:read"]]}],
        "the actions repeat one": [{**DETAIL, "actions": ["task:read", "task:read"]}],
        "the epoch is missing": [changed(DETAIL, epoch=None)],
        "the epoch is true": [{**DETAIL, "epoch": True}],
        "the epoch is fractional": [{**DETAIL, "epoch": 7.0}],
        "the epoch is negative": [{**DETAIL, "epoch": -1}],
        "the epoch is a string": [{**DETAIL, "epoch": "7"}],
        "the transfer is empty": [{**DETAIL, "transfer_id": ""}],
        "the transfer is null": [{**DETAIL, "transfer_id": None}],
    }
    ours = ("type", "role", "two tasks", "name", "action", "epoch", "transfer", "member")
    own = {name: value for name, value in details.items() if any(word in name for word in ours)}
    return {
        "PROFILE-task": own,
        "RFC9396-5": {name: value for name, value in details.items() if name not in own},
    }


def refused_tokens() -> Groups:
    payloads = {
        section: {name: jws(HEADER, payload, ISSUER) for name, payload in named.items()}
        for section, named in ambiguous(CLAIMS, "iat", required="RFC9068-4").items()
    }
    claims = {section: _tokens(changes) for section, changes in _REFUSED_CLAIMS.items()}
    details = {
        section: _tokens({name: {"authorization_details": value} for name, value in named.items()})
        for section, named in refused_details().items()
    }
    return merged(refused_headers(), respelled(jws(HEADER, CLAIMS, ISSUER)), payloads, claims, details)


def token_cases() -> list[Case]:
    return [*cases("token", accepted_tokens(), "accepted"), *cases("token", refused_tokens(), "invalid_token")]


def _tokens(changes: dict[str, Object]) -> dict[str, str]:
    return {name: jws(HEADER, changed(CLAIMS, **change), ISSUER) for name, change in changes.items()}


def token_file() -> Object:
    """The whole content of task-tokens.json."""
    published = {"keys": [{**jwk_of(ISSUER), "kid": KID, "use": "sig", "alg": "ES256"}]}
    found = token_cases()
    return {
        "format": 2,
        "now": NOW,
        "issuer": CLAIMS["iss"],
        "audience": CLAIMS["aud"],
        "jwks": published,
        "sections": {name: SECTIONS[name] for name in sorted({case["section"] for case in found})},
        "cases": found,
    }
