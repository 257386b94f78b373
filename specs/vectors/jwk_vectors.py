"""Keys that no proof may bring: private, of another kind, or no point of P-256 (RFC 7518 section 6.2, RFC 8725 3.4)."""

import json

from signing import DEVICE, P384, Object, b64, changed, edwards_jwk, jwk_of, rsa_jwk

PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
"""p of P-256 (SEC 2 section 2.4.2)."""


def refused_keys() -> dict[str, dict[str, object]]:
    """By the section that decides them; each is otherwise the device's own key, or signed for by it."""
    jwk, numbers = jwk_of(DEVICE), DEVICE.public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    return {
        "RFC9449-4.3#7": {
            "jwk is private": {**jwk, "d": b64((0xD0).to_bytes(32, "big"))},
            "jwk has another private part": {**jwk, "d": b64(bytes(31) + b"\x01")},
            "jwk has an empty private part": {**jwk, "d": ""},
            "jwk has a private part that is null": {**jwk, "d": None},
            "jwk has a private part that is a number": {**jwk, "d": 1},
        },
        "RFC9449-4.3#5": {
            "jwk is symmetric": {"kty": "oct", "k": b64(bytes(32))},
            "jwk is symmetric and has a point": {**jwk, "kty": "oct", "k": b64(bytes(32))},
        },
        "RFC8725-3.1": {
            "jwk is RSA": rsa_jwk(),
            "jwk is Ed25519": edwards_jwk(),
            "jwk is X25519": {**edwards_jwk(), "crv": "X25519"},
            "jwk is P-384": jwk_of(P384),
            "jwk is of another type": {**jwk, "kty": "OKP"},
            "jwk is on another curve": {**jwk, "crv": "P-384"},
            "jwk is on secp256k1": {**jwk, "crv": "secp256k1"},
            "jwk is of the curve P-256 in another writing": {**jwk, "crv": "p-256"},
            "jwk names its curve in a list": {**jwk, "crv": ["P-256"]},
        },
        "RFC7518-6.2": {
            "jwk is a string": json.dumps(jwk),
            "jwk is a list": [jwk],
            "jwk is a key set": {"keys": [jwk]},
            "jwk is empty": {},
            "jwk has no kty": changed(jwk, kty=None),
            "jwk has no crv": changed(jwk, crv=None),
            "jwk has no x": changed(jwk, x=None),
            "jwk has no y": changed(jwk, y=None),
            "jwk has x as a number": {**jwk, "x": 1},
            "jwk has x as a list": {**jwk, "x": [jwk["x"]]},
            "jwk has an empty x": {**jwk, "x": ""},
            "jwk has a compressed point": changed(jwk, x=b64(bytes([2 + y[-1] % 2]) + x), y=None),
            "jwk has an uncompressed point in x": changed(jwk, x=b64(b"\x04" + x + y), y=None),
            "jwk has a short coordinate": {**jwk, "x": b64(bytes(31))},
            "jwk has a coordinate with a leading zero byte": {**jwk, "y": b64(bytes(1) + y)},
            "jwk has a byte of x moved to y": {**jwk, "x": b64(x[:31]), "y": b64(x[31:] + y)},
            "jwk has a coordinate in hexadecimal": {**jwk, "x": x.hex()},
        },
        "RFC8725-3.4": {
            "jwk has a point off the curve": {**jwk, "y": jwk["x"]},
            "jwk has a point that is off by one bit": {**jwk, "y": b64(y[:-1] + bytes([y[-1] ^ 1]))},
            "jwk has coordinates exchanged": {**jwk, "x": jwk["y"], "y": jwk["x"]},
            "jwk is the point at zero": {**jwk, "x": b64(bytes(32)), "y": b64(bytes(32))},
            "jwk has x at zero": {**jwk, "x": b64(bytes(32))},
            "jwk has a coordinate above the prime": {**jwk, "x": b64(b"\xff" * 32)},
            "jwk has x as the prime": {**jwk, "x": b64(PRIME.to_bytes(32, "big"))},
            "jwk is a point of P-384 cut to 32 bytes": {**jwk, **_cut()},
        },
        "RFC7515-2": {
            "jwk has a padded coordinate": {**jwk, "x": jwk["x"] + "="},
            "jwk has a line feed in a coordinate": {**jwk, "x": jwk["x"] + "\n"},
            "jwk has a coordinate in base64": {**jwk, "x": jwk["x"][:-1] + "+"},
            "jwk has a coordinate beyond ASCII": {**jwk, "x": "\uff21" + jwk["x"][1:]},
        },
        "RFC4648-3.5": {
            "jwk has spare bits in a coordinate": {**jwk, "x": jwk["x"][:-1] + chr(ord(jwk["x"][-1]) + 1)},
        },
    }


def _cut() -> Object:
    numbers = P384.public_key().public_numbers()
    return {"x": b64(numbers.x.to_bytes(48, "big")[:32]), "y": b64(numbers.y.to_bytes(48, "big")[:32])}
