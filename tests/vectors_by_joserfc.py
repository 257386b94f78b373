"""A second implementation that decides the vectors of specs/vectors, written from their README and the RFCs alone.

It shares nothing with Segue: JOSE is joserfc's. Segue's own rules, the sections `PROFILE-…`, are not in it.
"""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

LEEWAY = 60
ASSERTION_LEEWAY = 10


class Refused(Exception):
    """Not accepted, with one of the outcomes of the files."""


def decide_proof(proofs: list[str], vectors: Any) -> str:
    """RFC 9449 section 4.3, item by item."""
    request = vectors["request"]
    try:
        (proof,) = proofs  # 1
        claims, key = _read_proof(proof)  # 2 to 7
        _require(all(isinstance(claims.get(name), str) and claims[name] for name in ("jti", "htm", "htu")))
        _require(claims["htm"] == request["htm"])  # 8
        _require(_address(claims["htu"]) == _address(request["htu"]))  # 9
        _require(_is_time(claims.get("iat")) and abs(claims["iat"] - vectors["now"]) <= LEEWAY)  # 11
        _require(_is_time(claims.get("nbf", 0)) and claims.get("nbf", 0) <= vectors["now"] + LEEWAY)
        _require(claims.get("ath") == _digest(request["access_token"]))  # 12
    except (Refused, JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "invalid_dpop_proof"
    if key.thumbprint() != request["jkt"]:  # 12
        return "wrong_key"
    if claims.get("nonce") not in vectors["nonces"]["accepted"]:  # 10
        return "use_dpop_nonce"
    return "accepted"


def decide_token(token: str, vectors: Any) -> str:
    """RFC 9068 section 4, RFC 9449 section 6.1, RFC 9396 section 5."""
    try:
        header, claims = _verified(token, KeySet.import_key_set(vectors["jwks"]), ["ES256"])
        _require(str(header["typ"]).lower() in ("at+jwt", "application/at+jwt"))
        _require(claims.get("iss") == vectors["issuer"])
        audience = claims.get("aud")
        _require(vectors["audience"] in (audience if isinstance(audience, list) else [audience]))
        _times(claims, vectors["now"], leeway=5, required=("iat", "exp"))
        _require(claims["exp"] > vectors["now"])
        _require("auth_time" not in claims or _is_time(claims["auth_time"]))
        _require(all(name in claims for name in ("sub", "client_id", "jti")))
        _require(len(base64.urlsafe_b64decode(claims["cnf"]["jkt"] + "=")) == 32 and len(claims["cnf"]["jkt"]) == 43)
        _require(_are_details(claims.get("authorization_details")))
    except (Refused, JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "invalid_token"
    return "accepted"


def decide_assertion(assertion: str, vectors: Any) -> str:
    """RFC 7523 section 3, with the algorithm that each registered key has."""
    try:
        keys = KeySet.import_key_set(vectors["jwks"])
        header = _first_part(assertion)
        named = [each for each in keys.keys if each.kid == header["kid"]] if "kid" in header else keys.keys
        (key,) = (each for each in named if each.get("alg") == header["alg"])
        _, claims = _verified(assertion, key, [key.get("alg")])
        audience = claims.get("aud")
        _require(vectors["issuer"] in (audience if isinstance(audience, list) else [audience]))
        _require(claims.get("iss") == claims.get("sub") == vectors["client_id"])
        _times(claims, vectors["now"], leeway=ASSERTION_LEEWAY, required=("exp",))
    except (Refused, JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "invalid_client"
    return "accepted"


def _read_proof(proof: str) -> tuple[dict[str, Any], Key]:
    jwk = _first_part(proof)["jwk"]
    _require(isinstance(jwk, dict) and "d" not in jwk)  # 7
    kinds: dict[str, Any] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
    _require(jwk.get("kty") in kinds and jwk.get("crv") not in ("X25519", "Ed25519"))
    key = kinds[jwk["kty"]].import_key({name: value for name, value in jwk.items() if name not in ("use", "kid")})
    for name in {"x", "y"} & jwk.keys():
        _require(base64.urlsafe_b64encode(_decoded(jwk[name])).decode().rstrip("=") == jwk[name])
        _require(jwk.get("crv") != "P-256" or len(_decoded(jwk[name])) == 32)
    header, claims = _verified(proof, key, ["ES256"])
    _require(str(header.get("typ")).lower() == "dpop+jwt")  # 4
    return claims, key


def _verified(token: str, key: Any, algorithms: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    registry = jws.JWSRegistry(algorithms=algorithms, strict_check_header=False)
    _require("b64" not in _first_part(token))
    found = jws.deserialize_compact(token, key, registry=registry)
    header, claims = found.headers(), json.loads(found.payload.decode("utf-8"), object_pairs_hook=_unique)
    _require(isinstance(claims, dict) and "crit" not in header)
    if isinstance(key, KeySet):
        _require(isinstance(header.get("kid"), str) and any(each.kid == header["kid"] for each in key.keys))
    return dict(header), claims


def _first_part(token: str) -> Any:
    return json.loads(_decoded(token.partition(".")[0]).decode("utf-8"), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _require(len(dict(pairs)) == len(pairs))
    return dict(pairs)


def _times(claims: dict[str, Any], now: int, *, leeway: int, required: tuple[str, ...]) -> None:
    for name in ("iat", "exp", "nbf"):
        _require(_is_time(claims[name]) if name in required or name in claims else True)
    _require(claims["exp"] + leeway > now)
    _require(claims.get("iat", now) <= now + leeway)
    _require(claims.get("nbf", now) <= now + (0 if "cnf" in claims else leeway))


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53


def _are_details(details: Any) -> bool:
    return (
        isinstance(details, list)
        and bool(details)
        and all(
            isinstance(each, dict) and isinstance(each.get("actions"), list) and each["actions"] for each in details
        )
        and all(isinstance(action, str) for each in details for action in each["actions"])
    )


def _address(uri: str) -> tuple[Any, ...]:
    """RFC 3986 sections 6.2.2 and 6.2.3, as far as a proof needs them."""
    _require(uri.isascii() and uri.isprintable() and " " not in uri and "\\" not in uri)
    parts = urlsplit(uri)
    _require("@" not in parts.netloc and not parts.netloc.rpartition(":")[2].startswith("0"))
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}[parts.scheme], parts.path


def _digest(text: str) -> str:
    return _encoded(hashlib.sha256(text.encode()).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)


def _require(condition: object) -> None:
    if not condition:
        raise Refused
