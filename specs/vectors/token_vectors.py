"""The tokens of task-tokens.json: what a resource server must accept and refuse (RFC 9068 section 4)."""

import json

from signing import (
    DEVICE,
    ISSUER,
    NOW,
    OTHER,
    OTHER_ALGORITHMS,
    Case,
    Object,
    ambiguous,
    cases,
    changed,
    jwk_of,
    jws,
    mirrored,
    respelled,
    thumbprint,
)

KID = "key-1"
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


def accepted_tokens() -> dict[str, str]:
    return {
        "plain": jws(HEADER, CLAIMS, ISSUER),
        "typ is written in full": jws({**HEADER, "typ": "application/at+jwt"}, CLAIMS, ISSUER),
        "typ is in capitals": jws({**HEADER, "typ": "AT+JWT"}, CLAIMS, ISSUER),
        "unknown header members are ignored": jws({**HEADER, "x": 1}, CLAIMS, ISSUER),
        "unknown claims are ignored": jws(HEADER, {**CLAIMS, "scope": "x"}, ISSUER),
        "the mirrored signature is as good": mirrored(jws(HEADER, CLAIMS, ISSUER), ISSUER),
        **_tokens(
            {
                "iat is five seconds ahead": {"iat": NOW + 5, "exp": NOW + 200},
                "it expires in a second": {"exp": NOW + 1},
                "nbf is now": {"nbf": NOW},
                "there is no transfer": {"authorization_details": [changed(DETAIL, transfer_id=None)]},
                "auth_time and acr are missing": {"auth_time": None, "acr": None},
            }
        ),
    }


def refused_tokens() -> dict[str, str]:
    headers: dict[str, object] = {
        "typ is missing": changed(HEADER, typ=None),
        "kid is missing": changed(HEADER, kid=None),
        "kid is a list": changed(HEADER, kid=[KID]),
        "kid is empty": changed(HEADER, kid=""),
        "kid has 256 characters": changed(HEADER, kid="k" * 256),
        "kid is a path": changed(HEADER, kid="../../dev/null"),
        "kid is a query": changed(HEADER, kid="' OR 1=1 --"),
        "crit names an extension": changed(HEADER, crit=["b64"], b64=True),
        **{f"typ is {typ}": changed(HEADER, typ=typ) for typ in ("JWT", "dpop+jwt", "segue-service+jwt", "xat+jwt", 1)},
        **{f"alg is {alg}": changed(HEADER, alg=alg) for alg in OTHER_ALGORITHMS},
    }
    embedded = {"jwk": jwk_of(OTHER), "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u"}
    return {name: jws(header, CLAIMS, ISSUER) for name, header in headers.items()} | {
        "the signature is by another key": jws(HEADER, CLAIMS, OTHER),
        "it brings its own key": jws({**HEADER, **embedded}, CLAIMS, OTHER),
        "it brings its own key and no kid": jws(changed(HEADER, kid=None, **embedded), CLAIMS, OTHER),
        "nothing is signed": jws({**HEADER, "alg": "none"}, CLAIMS, ISSUER, signature=b""),
        **_tokens(_REFUSED_CLAIMS),
        **_tokens({f"{name} is missing": {name: None} for name in _REQUIRED}),
        **_tokens({f"{name} is {value!r}": {name: value} for name in _TEXTS for value in ("", 1, ["x"], "x" * 256)}),
        **_tokens({name: {"authorization_details": value} for name, value in refused_details().items()}),
    }


_TEXTS = ("sub", "client_id", "jti", "device_id", "grant_id")
_REQUIRED = (*_TEXTS, "iss", "aud", "iat", "exp", "cnf", "authorization_details")
_JKT = CLAIMS["cnf"]["jkt"]
_REFUSED_CLAIMS: dict[str, Object] = {
    "it expires now": {"exp": NOW},
    "iat is six seconds ahead": {"iat": NOW + 6, "exp": NOW + 200},
    "it lives 301 seconds": {"exp": NOW + 291},
    "nbf is in a second": {"nbf": NOW + 1},
    "nbf is a string": {"nbf": "0"},
    "exp is true": {"exp": True},
    "exp is fractional": {"exp": NOW + 1.5},
    "exp is beyond all integers": {"exp": 2**53},
    "auth_time is a string": {"auth_time": "0"},
    "auth_time is true": {"auth_time": True},
    "auth_time is negative": {"auth_time": -1},
    "acr is a list": {"acr": ["x"]},
    "iss has a slash at the end": {"iss": "https://id.example/"},
    "iss is in capitals": {"iss": "https://ID.example"},
    "iss is a prefix": {"iss": "https://id.exampl"},
    "iss is a list": {"iss": ["https://id.example"]},
    "aud is another": {"aud": "https://agent.example"},
    "aud has a slash at the end": {"aud": "https://tasks.example/"},
    "aud is a list": {"aud": ["https://tasks.example"]},
    "aud is a list of two": {"aud": ["https://tasks.example", "https://agent.example"]},
    "aud is a longer host": {"aud": "https://tasks.example.evil"},
    "cnf is empty": {"cnf": {}},
    "cnf is a string": {"cnf": _JKT},
    "cnf has a certificate beside the key": {"cnf": {"jkt": _JKT, "x5t#S256": _JKT}},
    "cnf has a whole key": {"cnf": {"jwk": jwk_of(DEVICE)}},
    "jkt is a number": {"cnf": {"jkt": 1}},
    "jkt is short": {"cnf": {"jkt": _JKT[:-1]}},
    "jkt is padded": {"cnf": {"jkt": _JKT + "="}},
}


def refused_details() -> dict[str, object]:
    return {
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


def token_cases() -> list[Case]:
    refused = refused_tokens() | dict(respelled(jws(HEADER, CLAIMS, ISSUER)))
    refused |= {name: jws(HEADER, payload, ISSUER) for name, payload in ambiguous(CLAIMS, "iat")}
    return [*cases("token", accepted_tokens(), "accepted"), *cases("token", refused, "invalid_token")]


def _tokens(changes: dict[str, Object]) -> dict[str, str]:
    return {name: jws(HEADER, changed(CLAIMS, **change), ISSUER) for name, change in changes.items()}


def token_file() -> Object:
    """The whole content of task-tokens.json."""
    jwks = {"keys": [{**jwk_of(ISSUER), "kid": KID, "use": "sig", "alg": "ES256"}]}
    return {
        "now": NOW,
        "issuer": CLAIMS["iss"],
        "audience": CLAIMS["aud"],
        "jwks": jwks,
        "cases": token_cases(),
    }
