"""The same content in other spellings and containers, and content that two readers understand differently."""

import base64
import json

from signing import NOW, ORDER, Groups, Object, b64, encode, raw


def respelled(token: str) -> Groups:
    """Of a good compact JWS; none is to be accepted."""
    signing_input, _, signature = token.rpartition(".")
    header, payload = signing_input.split(".")
    decoded = base64.urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(decoded[:32], "big"), int.from_bytes(decoded[32:], "big")
    der = b"\x30\x44\x02\x20" + decoded[:32] + b"\x02\x20" + decoded[32:]
    flattened = json.dumps({"protected": header, "payload": payload, "signature": signature})
    general = json.dumps({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})
    encrypted, derived = (
        b64(encode({"alg": alg, "enc": "A256GCM"} | further))
        for alg, further in (("dir", {}), ("PBES2-HS256+A128KW", {"p2s": "AAAAAAAAAAA", "p2c": 2_147_483_647}))
    )
    unpadded_plain = base64.b64encode(decoded).decode().rstrip("=")
    return {
        "RFC7515-3.1": {
            "the text is empty": "",
            "the signature is missing": signing_input,
            "there is a blank before it": " " + token,
            "there is a tab behind it": token + "\t",
            "there are four parts": token + ".AA",
            "there is a dot behind it": token + ".",
            "there are ten thousand parts": "." * 10_000,
            "the header is missing": f".{payload}.{signature}",
            "the payload is missing": f"{header}..{signature}",
            "it is a flattened JSON serialisation": flattened,
            "it is a general JSON serialisation": general,
        },
        "RFC8725-2.3": {
            "there are five parts, as in a JWE": f"{header}.{payload}.AA.AA.{signature}",
            "it says that it is encrypted": f"{encrypted}..AAAAAAAAAAAAAAAA.{payload}.AAAAAAAAAAAAAAAAAAAAAA",
            "it asks for two billion rounds of key derivation": f"{derived}.AA.AA.{payload}.AA",
        },
        "RFC7518-3.4": {
            "the signature is empty": signing_input + ".",
            "the signature is all zero": f"{signing_input}.{b64(bytes(64))}",
            "the signature is one byte of zero": f"{signing_input}.AA",
            "r of the signature is zero": f"{signing_input}.{b64(raw(0, s))}",
            "r of the signature is n": f"{signing_input}.{b64(raw(ORDER, s))}",
            "s of the signature is zero": f"{signing_input}.{b64(raw(r, 0))}",
            "s of the signature is n": f"{signing_input}.{b64(raw(r, ORDER))}",
            "r and s are n": f"{signing_input}.{b64(raw(ORDER, ORDER))}",
            "r and s are the largest there are": f"{signing_input}.{b64(bytes([255] * 64))}",
            "r and s are one": f"{signing_input}.{b64(raw(1, 1))}",
            "the signature is in DER": f"{signing_input}.{b64(der)}",
            "the signature is a byte short": f"{signing_input}.{b64(decoded[:-1])}",
            "the signature is half": f"{signing_input}.{b64(decoded[:32])}",
            "the signature is a byte long": f"{signing_input}.{b64(decoded + bytes(1))}",
            "the signature is there twice": f"{signing_input}.{b64(decoded * 2)}",
            "the signature has a zero byte before s": f"{signing_input}.{b64(decoded[:32] + bytes(1) + decoded[32:])}",
            "the signature is by r and s exchanged": f"{signing_input}.{b64(raw(s, r))}",
        },
        "RFC7515-2": {
            "the base64url is padded": token + "==",
            "the base64url has a line feed": token + "\n",
            "the base64url has a line feed in the middle": f"{header}.{payload[:40]}\r\n{payload[40:]}.{signature}",
            "the base64url has a blank in the middle": f"{header}.{payload[:40]} {payload[40:]}.{signature}",
            "the base64url has a foreign character": f"{header}!.{payload}.{signature}",
            "the base64url has a character beyond ASCII": f"{header}.{payload}.{signature[:-1]}\uff21",
            "the base64url has a length that none can have": f"{header}.{payload}.{signature[:-1]}",
            "the header is padded base64url": f"{header}=.{payload}.{signature}",
            "the signature has the alphabet of base64": f"{signing_input}.{base64.b64encode(decoded).decode()}",
            "the signature has the alphabet of base64 and no padding": f"{signing_input}.{unpadded_plain}"
            if set("+/") & set(unpadded_plain)
            else f"{signing_input}.{signature.replace('_', '/').replace('-', '+')}+",
        },
        "RFC4648-3.5": {"the base64url has spare bits set": token[:-1] + chr(ord(token[-1]) + 1)},
        "PROFILE-size": {"it is very long": f"{header}.{payload}{'A' * 20_000}.{signature}"},
    }


def ambiguous(good: Object, time: str, *, required: str) -> Groups:
    """Payloads that are not JSON, or JSON that parsers read differently.

    `time` names the claim to play with, which the section `required` demands.
    """
    text = encode(good).decode()
    without = {name: value for name, value in good.items() if name != time}
    rest = encode(without).decode()[1:]

    def with_time(value: str) -> bytes:
        return f'{{"{time}":{value},{rest}'.encode()

    def with_member(value: bytes) -> bytes:
        return text[:-1].encode() + b',"a":' + value + b"}"

    return {
        "RFC7519-7.2": {
            "the payload is empty": b"",
            "the payload is not JSON": b"jti",
            "the payload is a list": encode([good]),
            "the payload is a string": encode(text),
            "the payload is null": b"null",
            "the payload is cut off": text[:-1].encode(),
            "the payload has trailing data": text.encode() + b"{}",
            "the payload has a comment": text[:-1].encode() + b"/**/}",
            "the payload ends in a comma": text[:-1].encode() + b",}",
            "the payload has single quotes": text.replace('"', "'").encode(),
            "the payload is not UTF-8": with_member(b'"\xff"'),
            "the payload has an overlong encoding": with_member(b'"\xc0\xaf"'),
            "the payload has an encoded surrogate": with_member(b'"\xed\xa0\x80"'),
            "the payload has a line feed in a string": with_member(b'"\n"'),
            "the payload is UTF-16": text.encode("utf-16"),
            "the payload is UTF-16 without a mark": text.encode("utf-16-le"),
            "the payload is UTF-32": text.encode("utf-32-be"),
        },
        "PROFILE-json": {
            "the payload begins with a byte order mark": text.encode("utf-8-sig"),
            "the payload has a lone surrogate": with_member(b'"\\ud800"'),
            "the payload has surrogates the wrong way round": with_member(b'"\\udc00\\ud800"'),
            "the payload repeats a member inside another": with_member(b'{"b":1,"b":2}'),
            "the payload repeats a member in another spelling": with_member(b'{"b":1,"\\u0062":2}'),
            "the payload is nested deep": with_member(b"[" * 1500 + b"]" * 1500),
            "the payload is nested deep and not closed": with_member(b"[" * 3000),
            "the payload has a huge integer elsewhere": with_member(b"9" * 5000),
            "the payload has an integer elsewhere that not all parsers keep": with_member(b"9007199254740993"),
            "the payload has a number elsewhere that is none": with_member(b"1e400"),
            "the payload has NaN elsewhere": with_member(b"NaN"),
        },
        "RFC7515-10.12": {
            "the payload repeats a member": text[:-1].encode() + b',"jti":"another"}',
            "the payload repeats a member with its own value": text[:-1].encode() + b"," + text[1:].encode(),
        },
        "PROFILE-size": {"the payload makes it very long": with_member(b'"' + b"a" * 8192 + b'"')},
        "RFC7519-2": {f"{time} is {value}": with_time(value) for value in _NO_TIMES},
        "PROFILE-lifetime": {f"{time} is {value}": with_time(value) for value in _NOT_OURS},
        required: {f"{time} is missing": encode(without)},
    }


_NO_TIMES = (
    *("NaN", "Infinity", "-Infinity", "null", "true", "false", "[]", "{}", '""', "1e400", "-1e400"),
    *(f'"{NOW}"', f"[{NOW}]", "1_800_000_030", "\uff11800000030", "+1800000030", "01800000030", "0x6b49d21e"),
)
_NOT_OURS = (
    *(f"{NOW}.0", f"{NOW}.5", "1.80000003e9", "18000000300e-1", "1e-400", "-0.0", "0"),
    *("-1", "-1800000030", "9007199254740993", "9" * 400),
)


def ambiguous_header(good: Object) -> Groups:
    """Headers that are not JSON, or JSON that parsers read differently."""
    text = encode(good).decode()

    def with_member(value: bytes) -> bytes:
        return text[:-1].encode() + b',"a":' + value + b"}"

    return {
        "RFC7515-4": {
            "the header is empty": b"",
            "the header is not JSON": b"ES256",
            "the header is a list": encode([good]),
            "the header is a string": encode(text),
            "the header is a number": b"256",
            "the header is cut off": text[:-1].encode(),
            "the header has trailing data": text.encode() + b"\0",
            "the header is not UTF-8": with_member(b'"\xff"'),
            "the header is UTF-16": text.encode("utf-16"),
            "the header is UTF-16 without a mark": text.encode("utf-16-be"),
            "the header is UTF-32": text.encode("utf-32"),
        },
        "PROFILE-json": {
            "the header begins with a byte order mark": text.encode("utf-8-sig"),
            "the header has NaN": with_member(b"NaN"),
            "the header has a lone surrogate": with_member(b'"\\udfff"'),
            "the header is nested deep": with_member(b"[" * 1500 + b"]" * 1500),
            "the header has an integer that not all parsers keep": with_member(b"-9007199254740993"),
        },
        "RFC7515-10.12": {
            "the header repeats a member": b'{"alg":"none",' + text[1:].encode(),
            "the header repeats a member behind": text[:-1].encode() + b',"alg":"none"}',
            "the header repeats a member in another spelling": text[:-1].encode() + b',"\\u0061lg":"ES256"}',
        },
        "PROFILE-size": {"the header is very long": with_member(b'"' + b"a" * 8192 + b'"')},
    }


def spaced(good: Object) -> bytes:
    """The same object, written with blanks and escapes: JSON, and nothing is wrong with it."""
    text = json.dumps(good, indent=2)
    first = next(iter(good))
    return text.replace(f'"{first}"', f'"\\u{ord(first[0]):04x}{first[1:]}"', 1).encode()
