"""What the checks look at in a request, whichever interface brought it."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes


class ProtectedRequest(NamedTuple):
    """One request. `path` is spelled as the client wrote it, for that is what it signed."""

    method: str
    path: str
    query: bytes
    authorization: Sequence[bytes]
    proofs: Sequence[bytes]


def of_scope(scope: Mapping[str, Any]) -> ProtectedRequest:
    """The request of an ASGI scope of type `http`."""
    authorization, proofs = [], []
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization.append(value)
        elif name == b"dpop":
            proofs.append(value)
    raw: bytes | None = scope.get("raw_path")
    path = quoted(scope["path"]) if raw is None else raw.partition(b"?")[0].decode("latin-1")
    return ProtectedRequest(scope["method"], path, scope.get("query_string", b""), authorization, proofs)


def of_environ(environ: Mapping[str, Any]) -> ProtectedRequest:
    """The request of a WSGI environ (PEP 3333).

    Servers join header fields of one name with commas, which neither a token nor a proof has. The spelling of the path
    is taken from what most servers add to the standard, provided it is a spelling of the path that is routed.
    """
    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    return ProtectedRequest(
        method=environ["REQUEST_METHOD"],
        path=_spelled(environ, path.encode("latin-1", "replace")),
        query=environ.get("QUERY_STRING", "").encode("latin-1", "replace"),
        authorization=_values(environ, "HTTP_AUTHORIZATION", separator=b""),
        proofs=_values(environ, "HTTP_DPOP", separator=b","),
    )


def without_token(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What an app is to see of the headers: whoever has the token and no reason to may pass it on (XD-AGT-06).

    The proof stays: it is used up, and for this request and this token alone.
    """
    return [field for field in headers if field[0] != b"authorization"]


def drop_token(environ: MutableMapping[str, Any]) -> None:
    """As `without_token`, for WSGI."""
    environ.pop("HTTP_AUTHORIZATION", None)


def quoted(path: str | bytes) -> str:
    """The usual spelling of a path that is known without its percent-encoding."""
    return quote(path, safe="/:@!$&'()*+,;=~")


def _spelled(environ: Mapping[str, Any], path: bytes) -> str:
    for name in ("RAW_URI", "REQUEST_URI"):
        spelling = str(environ.get(name, "")).partition("?")[0]
        if spelling.startswith("/") and unquote_to_bytes(spelling.encode("latin-1", "replace")) == path:
            return spelling
    return quoted(path)


def _values(environ: Mapping[str, Any], name: str, *, separator: bytes) -> Sequence[bytes]:
    value = environ.get(name)
    if value is None:
        return ()
    data = value.encode("latin-1", "replace")
    return data.split(separator) if separator else (data,)
