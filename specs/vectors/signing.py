"""What the vectors are made with: fixed keys, and a JWS writer that also writes what no honest signer would.

It shares no code with the package under test. Signatures are deterministic (RFC 6979), so the files never change by
themselves.
"""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of P-256 (SEC 2 section 2.4.2)."""
NOW = 1_800_000_030

DEVICE, OTHER, ISSUER = (ec.derive_private_key(number, ec.SECP256R1()) for number in (0xD0, 0xE0, 0xA0))
OTHER_ALGORITHMS = ("none", "None", "HS256", "ES384", "ES256K", "RS256", "EdDSA", "es256", ["ES256"], 256)

Object = dict[str, Any]
Case = dict[str, Any]


def changed(members: Object, **changes: object) -> Object:
    """A copy with members replaced, or left out where the change is None."""
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk_of(key: ec.EllipticCurvePrivateKey) -> Object:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": b64(numbers.x.to_bytes(32, "big")),
        "y": b64(numbers.y.to_bytes(32, "big")),
    }


def thumbprint(jwk: Object) -> str:
    canonical = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return b64(hashlib.sha256(canonical.encode()).digest())


def encode(part: object) -> bytes:
    """Bytes stay as they are, so that a vector can hold what is not JSON."""
    return part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()


def jws(header: object, payload: object, key: ec.EllipticCurvePrivateKey, *, signature: bytes | None = None) -> str:
    signing_input = f"{b64(encode(header))}.{b64(encode(payload))}"
    if signature is None:
        r, s = signed(signing_input, key)
        signature = raw(r, s)
    return f"{signing_input}.{b64(signature)}"


def signed(signing_input: str, key: ec.EllipticCurvePrivateKey) -> tuple[int, int]:
    algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
    return decode_dss_signature(key.sign(signing_input.encode(), algorithm))


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def mirrored(token: str, key: ec.EllipticCurvePrivateKey) -> str:
    """The same content with the other valid signature, (r, n - s)."""
    signing_input = token.rpartition(".")[0]
    r, s = signed(signing_input, key)
    return f"{signing_input}.{b64(raw(r, ORDER - s))}"


def respelled(token: str) -> list[tuple[str, str]]:
    """Other spellings and containers of a good compact JWS; none is to be accepted."""
    signing_input, _, signature = token.rpartition(".")
    header, payload = signing_input.split(".")
    decoded = base64.urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(decoded[:32], "big"), int.from_bytes(decoded[32:], "big")
    der = b"\x30\x44\x02\x20" + decoded[:32] + b"\x02\x20" + decoded[32:]
    bits = token[:-1] + chr(ord(token[-1]) + 1)
    flattened = json.dumps({"protected": header, "payload": payload, "signature": signature})
    return [
        ("the text is empty", ""),
        ("the signature is missing", signing_input),
        ("the signature is empty", signing_input + "."),
        ("the signature is all zero", f"{signing_input}.{b64(bytes(64))}"),
        ("r of the signature is n", f"{signing_input}.{b64(raw(ORDER, s))}"),
        ("s of the signature is zero", f"{signing_input}.{b64(raw(r, 0))}"),
        ("s of the signature is n", f"{signing_input}.{b64(raw(r, ORDER))}"),
        ("the signature is in DER", f"{signing_input}.{b64(der)}"),
        ("the signature is a byte short", f"{signing_input}.{b64(decoded[:-1])}"),
        ("the signature is a byte long", f"{signing_input}.{b64(decoded + bytes(1))}"),
        ("the signature has a zero byte before s", f"{signing_input}.{b64(decoded[:32] + bytes(1) + decoded[32:])}"),
        ("the signature is by r and s exchanged", f"{signing_input}.{b64(raw(s, r))}"),
        ("the base64url is padded", token + "=="),
        ("the base64url has spare bits set", bits),
        ("the base64url has a line feed", token + "\n"),
        ("the base64url has a foreign character", f"{header}!.{payload}.{signature}"),
        ("the header is padded base64url", f"{header}=.{payload}.{signature}"),
        ("the signature has the alphabet of base64", f"{signing_input}.{base64.b64encode(decoded).decode()}"),
        ("there is a blank before it", " " + token),
        ("there are four parts", token + ".AA"),
        ("there are five parts, as in a JWE", f"{header}.{payload}.AA.AA.{signature}"),
        ("there are ten thousand parts", "." * 10_000),
        ("it is a flattened JSON serialisation", flattened),
        ("it is very long", f"{header}.{payload}{'A' * 20_000}.{signature}"),
    ]


def ambiguous(good: Object, time: str) -> list[tuple[str, bytes]]:
    """Payloads that are not JSON, or JSON that parsers read differently. `time` names the claim to play with."""
    text = encode(good).decode()
    without = {name: value for name, value in good.items() if name != time}
    rest = encode(without).decode()[1:]
    return [
        ("the payload is empty", b""),
        ("the payload is not JSON", b"jti"),
        ("the payload is a list", encode([good])),
        ("the payload is a string", encode(text)),
        ("the payload is cut off", text[:-1].encode()),
        ("the payload has trailing data", text.encode() + b"{}"),
        ("the payload is UTF-16", text.encode("utf-16")),
        ("the payload begins with a byte order mark", text.encode("utf-8-sig")),
        ("the payload is not UTF-8", text[:-1].encode() + b',"a":"\xff"}'),
        ("the payload has a lone surrogate", text[:-1].encode() + b',"a":"\\ud800"}'),
        ("the payload repeats a member", text[:-1].encode() + b',"jti":"another"}'),
        ("the payload repeats a member inside another", text[:-1].encode() + b',"a":{"b":1,"b":2}}'),
        ("the payload is nested deep", text[:-1].encode() + b',"a":' + b"[" * 1500 + b"]" * 1500 + b"}"),
        ("the payload has a huge integer elsewhere", text[:-1].encode() + b',"a":' + b"9" * 5000 + b"}"),
        (
            "the payload has an integer elsewhere that not all parsers keep",
            text[:-1].encode() + b',"a":9007199254740993}',
        ),
        ("the payload has a number elsewhere that is none", text[:-1].encode() + b',"a":1e400}'),
        ("the payload makes it very long", text[:-1].encode() + b',"a":"' + b"a" * 8192 + b'"}'),
        (f"{time} is missing", encode(without)),
        *((f"{time} is {value}", f'{{"{time}":{value},{rest}'.encode()) for value in _ODD_TIMES),
    ]


_ODD_TIMES = (
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    "[]",
    f"{NOW}.0",
    f"{NOW}.5",
    f'"{NOW}"',
    "1.8e9",
    "1e400",
    "9007199254740993",
    "-1",
    "1_800_000_030",
    "\uff10",
)


def cases(member: str, inputs: dict[str, Any], expect: str) -> list[Case]:
    return [{"name": name, member: value, "expect": expect} for name, value in inputs.items()]
