"""Reads what a request says outside its body: header fields, query parameters, ids in the path. Strictly, or 400."""

import re
from dataclasses import dataclass

from segue.problem import Problem
from starlette.requests import Request

from segue_resource.domain.refusal import NotFound

_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_ENTITY_TAG = re.compile(r'(W/)?"[!#-~]*"', re.ASCII)
_VERSION = re.compile(r'"([1-9][0-9]{0,8})"', re.ASCII)
ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
_ID = re.compile(ID, re.ASCII)


def header(request: Request, name: str) -> str | None:
    """The one value of a header field, or None."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise _invalid(f"the request has more than one header {name}")
    return values[0] if values else None


def idempotency_key(request: Request) -> str | None:
    value = header(request, "Idempotency-Key")
    if value is not None and not _KEY.fullmatch(value):
        raise _invalid("Idempotency-Key is not 1 to 255 visible ASCII characters")
    return value


def required_version(request: Request) -> int:
    """The version of `If-Match` (RFC 9110 section 13.1.1); 0, which nothing has, if it names no version of ours.

    428 without it, so that nobody overwrites what they have not seen (RFC 6585 section 3).
    """
    value = header(request, "If-Match")
    if value is None:
        detail = 'send If-Match: "<version>" with the version you have seen'
        raise Problem(428, "precondition-required", "Say which version this changes", detail)
    if not _ENTITY_TAG.fullmatch(value):
        raise _invalid('If-Match is not one entity tag, as in "3"')
    matched = _VERSION.fullmatch(value)
    return int(matched[1]) if matched else 0


def creates(request: Request) -> bool:
    """Whether the request has `If-None-Match: *`: it is for something new."""
    value = header(request, "If-None-Match")
    if value is None:
        return False
    if value != "*" or header(request, "If-Match") is not None:
        raise _invalid("If-None-Match must be * and alone in a request that creates")
    return True


def seen(request: Request, version: int) -> bool:
    """Whether the client has this version already: `If-None-Match` of a read (RFC 9110 section 13.1.2)."""
    value = header(request, "If-None-Match") or ""
    return value in (f'"{version}"', f'W/"{version}"')


@dataclass(frozen=True)
class Number:
    """A query parameter in ASCII digits, given at most once; `default` is meant when it is absent."""

    name: str
    default: int
    least: int
    most: int

    def of(self, request: Request) -> int:
        return number(request, self.name, default=self.default, least=self.least, most=self.most)


def number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """A query parameter in ASCII digits, given at most once."""
    values = request.query_params.getlist(name)
    if not values:
        return default
    if len(values) == 1 and _NUMBER.fullmatch(values[0]) and least <= int(values[0]) <= most:
        return int(values[0])
    raise _invalid(f"{name} is not one number from {least} to {most}")


def identifier(request: Request, name: str) -> str | None:
    """A query parameter that is an id, given at most once."""
    values = request.query_params.getlist(name)
    if not values:
        return None
    if len(values) == 1 and _ID.fullmatch(values[0]):
        return str(values[0])
    raise _invalid(f"{name} is not one id")


def event_id(request: Request) -> int | None:
    """`Last-Event-ID`, if the client resumes a stream."""
    value = header(request, "Last-Event-ID")
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise _invalid("Last-Event-ID is not the id of an event")
    return int(value)


def path_id(request: Request, name: str) -> str:
    """An id in the path. What can be no id is not there."""
    value = str(request.path_params[name])
    if not _ID.fullmatch(value):
        raise NotFound
    return value


def _invalid(detail: str) -> Problem:
    return Problem(400, "invalid-request", "The request is not of the documented form", detail)
