"""Finds the functions that read what somebody else wrote: each is in the table of parsers, or named with why not."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

PACKAGES = ("segue", "segue_authz", "segue_resource", "segue_mcp", "segue_a2a")
PASSED_OVER = ("bench", "migrations", "store_contract", "stores", "testing.py", "openapi.py", "openapi_problems.py")
"""What no request reaches: measurements, tests' helpers, and what reads our own database alone."""
READING = {
    *("loads", "raw_decode", "decode_json", "a2b_base64", "b64decode", "parse_qsl", "parse_qs", "unquote_plus"),
    *("unquote_to_bytes", "urlsplit", "urlparse", "fullmatch", "match", "search", "convert", "ip_address"),
    *("ip_network", "isdigit", "isdecimal", "from_encoded_point"),
}
"""The primitives by which text or bytes become values."""
DECODERS = ("jwt.decode", "jwt.PyJWS().decode", "msgspec.json.decode", "jose.parse", "jose.read_header", "parse")


def readers() -> set[str]:
    """`module:function` of every function that uses one of the primitives itself."""
    found = set()
    for package in PACKAGES:
        folder = Path(str(import_module(package).__file__)).parent
        for file in sorted(folder.rglob("*.py")):
            path = file.relative_to(folder.parent)
            if not any(part in PASSED_OVER for part in path.parts):
                module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
                found |= {f"{module}:{name}" for name in _reading_functions(ast.parse(file.read_text()), "")}
    return found


def _reading_functions(node: ast.AST, inside: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{inside}.{child.name}".lstrip(".")
        if inside and isinstance(child, ast.Call) and _reads(child):
            yield inside
        yield from _reading_functions(child, name)


def _reads(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in READING or name in DECODERS
        case ast.Attribute(attr=name):
            return name in READING or ast.unparse(call.func) in DECODERS
    return False
