"""The OpenAPI 3.1 document of the task store, from the endpoints that serve it: `python -m segue_resource.openapi`."""

import asyncio
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from segue_storage.database import open_database
from segue_storage.ephemeral import open_ephemeral
from segue_storage.json_text import laid_out

from segue_resource.app import create_app
from segue_resource.endpoints.body import MAX_BYTES, Nothing
from segue_resource.endpoints.header import ID, Number
from segue_resource.endpoints.operation import Caller, Operation, operation_of
from segue_resource.endpoints.route import Address, Handler
from segue_resource.json_schema import ecma
from segue_resource.openapi_problems import PROBLEM, ProblemComponents
from segue_resource.settings import Settings
from segue_resource.stores.files.blob_place import open_blobs

VERSION = "0.1.0"
STORE, ISSUER = "https://tasks.example", "https://id.example"

_REF = "#/components/schemas/{name}"
_ETAG = {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'}
_BYTES = {"type": "string", "format": "binary"}
_DIGEST = {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"}
_COUNT = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,14})$"}
_REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    "If-Match": _ETAG,
    "If-None-Match": {"type": "string", "description": "The ETag of what the client has."},
    "If-None-Match-new": {"const": "*", "description": "Alone, for something new; not with If-Match."},
    "Last-Event-ID": {"type": "string", "pattern": "^(0|[1-9][0-9]{0,14})$"},
    "Idempotency-Key": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "Task-Session": {"type": "string", "pattern": f"^{ID}$"},
    "Range": {"type": "string", "description": "One range of bytes (RFC 9110 section 14.2)."},
    "If-Range": {"type": "string", "description": "The ETag of what the client has a part of."},
    "Repr-Digest": {**_DIGEST, "description": "Of the whole file (RFC 9530)."},
    "Content-Digest": {**_DIGEST, "description": "Of the content of this request (RFC 9530)."},
    "Upload-Complete": {"enum": ["?0", "?1"], "description": "Whether this is all (resumable uploads)."},
    "Upload-Offset": {**_COUNT, "description": "Where in the file the content begins."},
    "Upload-Length": {**_COUNT, "description": "Bytes of the whole file."},
}
_ALSO_REQUIRED = ("If-Match", "Upload-Offset", "Upload-Complete")
_ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    "Task-Id": {"schema": {"type": "string"}},
    "Task-Head": {"description": "The last sequence number of the task.", "schema": {"type": "integer", "minimum": 1}},
    "ETag": {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "DPoP-Nonce": {"description": "For the next proof (RFC 9449 section 8.2).", "schema": {"type": "string"}},
    "Idempotency-Replayed": {"description": "The first answer again.", "schema": {"const": "true"}},
    "WWW-Authenticate": {"schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}},
}
_ANY_ID = {"type": "string", "pattern": f"^{ID}$"}
_PATHS: dict[str, dict[str, Any]] = {
    "seq": {"type": "string", "pattern": "^[0-9]{1,15}$"},
    "path": {"type": "string", "minLength": 1, "maxLength": 512, "description": "Names joined by /, encoded or not."},
}
_SECURITY: dict[Caller, list[dict[str, list[str]]]] = {
    Caller.AUTHORIZATION_SERVER: [{"service_token": []}],
    Caller.ANYBODY: [],
}


class Undescribed(Exception):
    """An endpoint says nothing of itself."""

    def __init__(self, method: str, path: str, handler: Handler) -> None:
        name = getattr(handler, "__qualname__", "its handler")
        super().__init__(
            f"{method} {path} is not described: put @operation(...) of segue_resource.endpoints.operation on {name},"
            " run `python -m segue_resource.openapi > specs/openapi/task-store.json`, and add the request to the"
            " table of specs/protocol.md"
        )


def describe(addresses: Iterable[Address], *, url: str = STORE, issuer: str = ISSUER) -> dict[str, Any]:
    """The document. Raises `Undescribed`."""
    served = [(address, method, handler) for address in addresses for method, handler in address.handlers.items()]
    operations: list[tuple[Address, str, Handler, Operation]] = []
    for address, method, handler in served:
        described = operation_of(handler)
        if described is None:
            raise Undescribed(method, address.path, handler)
        operations.append((address, method, handler, described))
    shapes, problems = _Shapes([operation for *_, operation in operations]), ProblemComponents()
    paths: dict[str, dict[str, Any]] = {}
    for address, method, handler, described in operations:
        writes = described.caller is Caller.DEVICE and method not in ("GET", "HEAD")
        told = _operation(address, handler, described, shapes, writes=writes)
        told["responses"] |= problems.of(described, writes=writes)
        paths.setdefault(address.path.replace(":path}", "}"), {})[method.lower()] = told
    return {
        "openapi": "3.1.1",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Segue task store",
            "version": VERSION,
            "summary": "Tasks that move between devices: log, working set, tool calls, people",
            "description": (
                f"specs/protocol.md sections 7 to 9. Bodies have at most {MAX_BYTES} bytes, integers at most 53 bits"
                " and no fraction, objects no member twice."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": shapes.components,
            "parameters": _parameter_components(address for address, *_ in operations),
            "responses": problems.components(),
            "headers": _ANSWER_HEADERS,
            "securitySchemes": _security_schemes(issuer),
        },
    }


class _Shapes:
    """Every shape that the operations name, as JSON Schema 2020-12."""

    def __init__(self, operations: list[Operation]) -> None:
        found = [operation.body for operation in operations if operation.body is not None]
        found += [
            parameter.shape for each in operations for parameter in each.query if not isinstance(parameter, Number)
        ]
        for operation in operations:
            for shape in operation.answers.values():
                found += shape.values() if isinstance(shape, Mapping) else [] if shape is None else [shape]
        self._types = list({repr(shape): shape for shape in found}.values())
        schemas, components = msgspec.json.schema_components(self._types, ref_template=_REF)
        self._schemas = dict(zip((repr(shape) for shape in self._types), map(ecma, schemas), strict=True))
        self.components = dict(sorted({name: ecma(schema) for name, schema in components.items()}.items()))
        self.components["Problem"] = PROBLEM

    def of(self, shape: Any) -> dict[str, Any]:
        if shape is bytes:
            return dict(_BYTES)
        if isinstance(shape, Mapping):
            properties = {name: self.of(member) for name, member in shape.items()}
            return {"type": "object", "properties": properties, "required": list(properties)}
        return dict(self._schemas[repr(shape)])


def _operation(address: Address, handler: Handler, told: Operation, shapes: _Shapes, *, writes: bool) -> dict[str, Any]:
    group = handler.__module__.rpartition(".")[2]
    name = getattr(handler, "__name__", "")
    documented = " ".join((handler.__doc__ or "").split())
    return {
        "operationId": f"{group}.{name}" if told.caller is not Caller.AUTHORIZATION_SERVER else f"{group}.as.{name}",
        "tags": [group],
        "summary": told.summary,
        **({"description": documented} if documented else {}),
        "security": _SECURITY.get(told.caller) or _device_security(told, handler),
        "parameters": _parameters(address, told, writes=writes, shapes=shapes),
        **({} if told.body is None else {"requestBody": _body(told, shapes)}),
        "responses": _good(told, shapes, writes=writes),
    }


def _device_security(told: Operation, handler: Handler) -> list[dict[str, list[str]]]:
    if told.caller is Caller.ANYBODY:
        return []
    actions = getattr(handler, "required_actions", ())
    return [{"task_token": list(actions), "dpop_proof": []}]


def _parameters(address: Address, told: Operation, *, writes: bool, shapes: _Shapes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"$ref": f"#/components/parameters/{name}"} for name in address.param_convertors]
    for parameter in told.query:
        if isinstance(parameter, Number):
            schema = {"type": "integer", "minimum": parameter.least, "maximum": parameter.most}
            if parameter.default not in (parameter.least, parameter.most):
                schema["default"] = parameter.default
        else:
            schema = shapes.of(parameter.shape)
        found.append({"name": parameter.name, "in": "query", "schema": schema})
    conditions = [f"{name}-new" if name == "If-None-Match" and writes else name for name in told.headers]
    names = [*conditions, *(["Idempotency-Key"] if writes and told.idempotency else [])]
    names += ["Last-Event-ID"] if told.stream else []
    names += ["Task-Session"] if told.caller is Caller.DEVICE else []
    for name in names:
        plain = name.removesuffix("!")
        must = name != plain
        found.append({"$ref": f"#/components/parameters/{plain}{'-required' if must else ''}"})
    return found


def _body(told: Operation, shapes: _Shapes) -> dict[str, Any]:
    return {"required": told.body is not Nothing, "content": {told.media_type: {"schema": shapes.of(told.body)}}}


def _good(told: Operation, shapes: _Shapes, *, writes: bool) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, shape in told.answers.items():
        answer: dict[str, Any] = {"description": told.summary if shape is not None else "Done; there is nothing to say"}
        if told.caller is Caller.DEVICE:
            headers = ["Task-Id", "DPoP-Nonce", *(["ETag"] if told.etag else [])]
            headers += [] if told.stream else ["Task-Head"]
            headers += ["Idempotency-Replayed"] if writes and told.idempotency else []
            answer["headers"] = _headers(*headers)
        if shape is not None:
            answer["content"] = {"*/*" if shape is bytes else "application/json": {"schema": shapes.of(shape)}}
        if told.stream:
            answer["content"]["text/event-stream"] = {"schema": {"type": "string"}}
        answers[str(status)] = answer
    return answers


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _parameter_components(addresses: Iterable[Address]) -> dict[str, Any]:
    """Ids in addresses, and header fields of requests, each as it may be and as it must be."""
    names = sorted({name for address in addresses for name in address.param_convertors})
    return {
        **{name: {"name": name, "in": "path", "required": True, "schema": _PATHS.get(name, _ANY_ID)} for name in names},
        **{
            f"{name}{'-required' if required else ''}": {
                "name": name.removesuffix("-new"),
                "in": "header",
                "required": required,
                "schema": schema,
            }
            for name, schema in _REQUEST_HEADERS.items()
            for required in ((False, True) if name in _ALSO_REQUIRED else (False,))
        },
    }


def _security_schemes(issuer: str) -> dict[str, Any]:
    return {
        "task_token": {
            "type": "http",
            "scheme": "DPoP",
            "description": (
                "A task token: an OAuth 2.0 access token (RFC 9068) of one device for one task, bound to its key (RFC"
                f" 9449). {issuer} grants it for authorization_details (RFC 9396) of type task, whose actions are the"
                " names listed at each operation; the token's task must be the one in the address."
            ),
        },
        "dpop_proof": {
            "type": "apiKey",
            "in": "header",
            "name": "DPoP",
            "description": "A proof of the token's key for this one request, with the server's nonce (RFC 9449).",
        },
        "service_token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Signed by the authorization server for one request (specs/protocol.md section 9).",
        },
    }


def document() -> dict[str, Any]:
    """The document of a server that is put together and never asked."""
    return asyncio.run(_document())


async def _document() -> dict[str, Any]:
    async def nowhere(_: str) -> bytes:
        raise OSError("nobody is asked")

    with tempfile.TemporaryDirectory() as folder:
        location = f"sqlite:///{folder}/empty.db"
        settings = Settings(url=STORE, issuer=ISSUER, database=location, key_file=Path(folder, "key"))
        database, ephemeral = open_database(location), open_ephemeral(None)
        try:
            app = create_app(
                settings,
                database=database,
                ephemeral=ephemeral,
                blobs=open_blobs(settings.blob_place),
                fetch=nowhere,
                clock=lambda: 0,
                random=bytes,
            )
        finally:
            await ephemeral.aclose()
            await database.aclose()
    return describe(app.state.addresses)


def text(described: dict[str, Any]) -> str:
    """As it is committed: what fits a line stands on one."""
    return laid_out(described) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(document()))
