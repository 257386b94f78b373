"""Reads JSON that carries authority: the bytes have one reading, or they are refused (RFC 8725 section 2.6)."""

import json
import math
import re
from typing import Any

MAX_BYTES = 65_536
MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1
"""What every JSON parser reads alike (RFC 8259 section 6)."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class Malformed(ValueError):
    """The input cannot be read, or could be read in more than one way."""


def decode_json(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value that UTF-8 JSON text stands for.

    Refused with `Malformed`: other encodings, repeated members, NaN and infinities, integers beyond 2**53 - 1,
    lone surrogates, text longer than `max_bytes` and nesting deeper than `max_depth`.
    """
    if len(data) > max_bytes:
        raise Malformed("the JSON text is too long")
    if data.count(b"[") + data.count(b"{") > max_depth:
        _refuse_deep(data, max_depth)
    try:
        value = _value(data.decode("utf-8"))
        if b"\\u" in data and _SURROGATE_ESCAPE.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except Malformed:
        raise
    except ValueError as wrong:
        raise Malformed("not JSON in UTF-8") from wrong
    return value


def _value(text: str) -> Any:
    """Text with nothing around its object, as JOSE has it, is read without looking for what is around it."""
    if text[:1] == "{" and text[-1:] == "}":
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    return _DECODER.decode(text)


def _refuse_deep(data: bytes, max_depth: int) -> None:
    """Before parsing: the parser recurses. The strings are passed over in linear time, closed or not."""
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            raise Malformed("the JSON text is nested too deep")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("an object repeats a member")
    return members


def _bounded_integer(text: str) -> int:
    number = int(text)
    if abs(number) > MAX_INTEGER:
        raise Malformed("an integer is too large")
    return number


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed("a number is too large")
    return number


def _no_constant(name: str) -> float:
    raise Malformed(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_bounded_integer,
    parse_float=_finite_float,
    parse_constant=_no_constant,
)
