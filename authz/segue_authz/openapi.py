"""The OpenAPI 3.1 document of the protocol endpoints, from what they say themselves: `python -m segue_authz.openapi`.

The pages that people see are no part of it.
"""

import re
import sys
from collections.abc import Iterable
from typing import Any

from segue_storage.json_text import laid_out

from segue_authz.app import OPEN, PROTECTED, Address
from segue_authz.domain.refusal import (
    InsufficientScope,
    InvalidClient,
    InvalidDPoPProof,
    InvalidRequest,
    InvalidServiceToken,
    NonceForToken,
    PayloadTooLarge,
    Refusal,
    TemporarilyUnavailable,
    UseDPoPNonce,
)
from segue_authz.endpoints.form import MAX_BODY
from segue_authz.endpoints.operation import TEXT, Members, Operation, Proof, operation_of

VERSION = "0.1.0"
ISSUER = "https://id.example"

FORM = "application/x-www-form-urlencoded"
_PROBLEM = "application/problem+json"
_CLIENT: Members = {"client_id?": TEXT, "client_assertion?": TEXT, "client_assertion_type?": TEXT}
_SECURITY: dict[Proof, list[dict[str, list[str]]]] = {
    Proof.NONE: [],
    Proof.KEY: [{"dpop_proof": []}],
    Proof.KEY_IF_ANY: [{"dpop_proof": []}, {}],
    Proof.SERVICE: [{"service_token": [], "dpop_proof": []}],
    Proof.HOLDER: [{"task_token": ["task:transfer"], "dpop_proof": []}],
    Proof.INVITATION: [{"initial_access_token": []}, {}],
    Proof.REGISTRATION: [{"registration_access_token": []}],
}
_ERROR = {
    "description": "RFC 6749 section 5.2.",
    "type": "object",
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string", "pattern": r"^[ !#-\[\]-~]+$"}},
    "required": ["error", "error_description"],
}
_REFUSED_TOKEN = {
    "description": "RFC 9457: the task token or its proof is refused.",
    "type": "object",
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}},
    "required": ["type", "title", "status"],
}


class Undescribed(Exception):
    """An endpoint says nothing of itself."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__(
            f"{method} {path} is not described: put @operation(...) of segue_authz.endpoints.operation on its handler"
            " and run `python -m segue_authz.openapi > specs/openapi/authz.json`"
        )


def describe(addresses: Iterable[Address]) -> dict[str, Any]:
    """The document. Raises `Undescribed`."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, handler in addresses:
        told = operation_of(handler)
        if told is None:
            raise Undescribed(method, path)
        group = handler.__module__.rpartition(".")[2]
        paths.setdefault(path, {})[method.lower()] = _operation(path, f"{group}.{handler.__name__}", told)
    return {
        "openapi": "3.1.1",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Segue authorization server",
            "version": VERSION,
            "summary": "One task moves from one device to another",
            "description": (
                "specs/protocol.md sections 4 to 6 and 10, without the pages that people see. Forms have at most"
                f" {MAX_BODY} bytes and every parameter at most once."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ISSUER}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Error": _ERROR, "RefusedToken": _REFUSED_TOKEN},
            "headers": {
                "DPoP-Nonce": {"description": "For the next proof (RFC 9449 section 8).", "schema": {"type": "string"}},
                "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}},
                "WWW-Authenticate": {"schema": {"type": "string"}},
            },
            "securitySchemes": {
                "task_token": {"type": "http", "scheme": "DPoP", "description": "A task token for this server."},
                "service_token": {"type": "http", "scheme": "DPoP", "description": "RFC 6749 section 4.4."},
                "dpop_proof": {"type": "apiKey", "in": "header", "name": "DPoP", "description": "RFC 9449."},
                "initial_access_token": {"type": "http", "scheme": "bearer", "description": "RFC 7591 section 3."},
                "registration_access_token": {"type": "http", "scheme": "bearer", "description": "RFC 7592 section 3."},
            },
        },
    }


def _operation(path: str, name: str, told: Operation) -> dict[str, Any]:
    parameters = [
        {"name": each, "in": "path", "required": True, "schema": told.path.get(each, TEXT)}
        for each in re.findall(r"{(\w+)}", path)
    ]
    parameters += [{"name": each.removesuffix("?"), "in": "query", "schema": told.query[each]} for each in told.query]
    content: dict[str, Any] = {}
    if told.form is not None:
        content[FORM] = {"schema": _object({**told.form, **(_CLIENT if told.client else {})})}
    if told.body is not None:
        content["application/json"] = {"schema": _object(told.body)}
    return {
        "operationId": name,
        "summary": told.summary,
        "security": _SECURITY[told.proof],
        "parameters": parameters,
        **({"requestBody": {"required": True, "content": content}} if content else {}),
        "responses": _good(told) | _bad(told),
    }


def _object(members: Members) -> dict[str, Any]:
    properties = {name.removesuffix("?"): schema for name, schema in members.items()}
    required = [name for name in members if not name.endswith("?")]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _good(told: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, members in told.answers.items():
        schema = _object(members)
        if told.several:
            schema = {"oneOf": [schema, {"type": "array", "items": schema}]}
        content: dict[str, Any] = {"application/json": {"schema": schema}}
        if told.signed is not None:
            content[told.signed] = {"schema": {"type": "string"}}
        answer = {"description": told.summary, "headers": _headers("DPoP-Nonce")}
        answers[str(status)] = answer if status == 204 else answer | {"content": content}
    return answers


def _bad(told: Operation) -> dict[str, Any]:
    """By status: the OAuth errors, and where a task token is asked for, how the middleware refuses it."""
    errors: dict[int, set[str]] = {500: {Refusal.error}}
    for refusal in _refusals(told):
        errors.setdefault(refusal.status, set()).add(refusal.error)
    problems = {401, 403, 503} if told.proof is Proof.HOLDER else set()
    return {
        str(status): _refused(status, sorted(errors.get(status, ())), problem=status in problems)
        for status in sorted(errors.keys() | problems)
    }


def _refusals(told: Operation) -> list[type[Refusal]]:
    found = [*told.refuses, TemporarilyUnavailable]
    found += [InvalidRequest, PayloadTooLarge] if told.form is not None or told.body is not None else []
    found += [InvalidClient] if told.client else []
    found += [InvalidDPoPProof, UseDPoPNonce] if told.proof in (Proof.KEY, Proof.KEY_IF_ANY) else []
    found += [InvalidDPoPProof, InvalidServiceToken, InsufficientScope, NonceForToken] * (told.proof is Proof.SERVICE)
    return found


def _refused(status: int, errors: list[str], *, problem: bool) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if errors:
        schema = {"$ref": "#/components/schemas/Error", "properties": {"error": {"enum": errors}}}
        content["application/json"] = {"schema": schema}
    if problem:
        content[_PROBLEM] = {"schema": {"$ref": "#/components/schemas/RefusedToken"}}
    name = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}.get(status)
    headers = {} if name is None else {"headers": _headers(name)}
    return {"description": ", ".join(errors) or "the task token is refused", **headers, "content": content}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def text(described: dict[str, Any]) -> str:
    """As it is committed."""
    return laid_out(described) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(describe([*OPEN, *PROTECTED])))
