"""One MCP tool: the request to the task store that a call of it stands for, and the JSON Schema of its arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from mcp_types import Tool, ToolAnnotations
from msgspec import Meta
from segue.problem import Problem
from segue_resource.endpoints.body import JSON, Shape
from segue_resource.endpoints.shape import Identifier
from segue_resource.json_schema import ecma

IDEMPOTENCY_KEY = "idempotency_key"
IF_MATCH = "if_match"
Key = Annotated[str, Meta(pattern=r"^[!-~]{1,255}\Z", description="New for each act; repeated, the act is done once")]
Version = Annotated[int, Meta(ge=1, le=999_999_999)]


@dataclass(frozen=True)
class StoreTool:
    """`path` follows the task's address and names the ids among the arguments; the others are members of `body`.

    `if_match` says what a version among the arguments is for; `creates`, that without one the thing must be new.
    `made_of` turns the arguments into the body that the store wants. `replaces`: what was there may be lost.
    `as_task`: what was made is answered as an MCP task.
    """

    name: str
    title: str
    description: str
    path: str
    body: type[Shape]
    method: str = "POST"
    media_type: str = JSON
    ids: tuple[str, ...] = ()
    if_match: str = ""
    creates: bool = False
    replaces: bool = False
    as_task: bool = False
    made_of: Callable[[dict[str, Any]], Any] = dict

    def described(self) -> Tool:
        annotations = ToolAnnotations(
            read_only_hint=False, destructive_hint=self.replaces, idempotent_hint=False, open_world_hint=False
        )
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self._schema(),
            annotations=annotations,
        )

    def request(self, task_id: str, arguments: Mapping[str, Any]) -> "StoreRequest":
        """What the store is asked. Raises `Problem` for arguments that are not of the form that was listed."""
        members = dict(arguments)
        ids = {name: _taken(members, name, Identifier) for name in self.ids}
        headers = {"content-type": self.media_type}
        if self.if_match:
            version = _taken(members, IF_MATCH, Version | None if self.creates else Version)
            headers |= {"if-none-match": "*"} if version is None else {"if-match": f'"{version}"'}
        if IDEMPOTENCY_KEY in members:
            headers["idempotency-key"] = _taken(members, IDEMPOTENCY_KEY, Key)
        _as(self.body, members)
        path = f"/tasks/{task_id}{self.path.format(**ids)}"
        return StoreRequest(self.method, path, headers, self.made_of(members))

    def _schema(self) -> dict[str, Any]:
        (root,), components = msgspec.json.schema_components([self.body], ref_template="#/$defs/{name}")
        shapes = {name: ecma(schema) for name, schema in components.items()}
        members = shapes.pop(root["$ref"].rpartition("/")[2])
        ids = dict.fromkeys(self.ids, _schema_of(Identifier))
        version = {IF_MATCH: {**_schema_of(Version), "description": self.if_match}} if self.if_match else {}
        required = [*ids, *members["required"], *([IF_MATCH] if version and not self.creates else [])]
        schema = {
            "type": "object",
            "properties": {**ids, **version, **members["properties"], IDEMPOTENCY_KEY: _schema_of(Key)},
            "required": required,
            "additionalProperties": False,
        }
        return schema | ({"$defs": shapes} if shapes else {})


@dataclass(frozen=True)
class StoreRequest:
    """One request to the task store."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: Any


def _schema_of(kind: Any) -> Any:
    return ecma(msgspec.json.schema(kind))


def _taken(members: dict[str, Any], name: str, kind: Any) -> Any:
    """An argument that does not go into the body."""
    return _as(kind, members.pop(name, None), called=f"{name}: ")


def _as(kind: Any, value: Any, *, called: str = "") -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        detail = f"{called}{wrong}"[:300]
        raise Problem(400, "invalid-request", "The arguments are not of the listed form", detail) from wrong
