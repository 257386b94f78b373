"""`/tasks/{task_id}/artifacts`: the files of a task, with versions; nobody overwrites what they have not seen (T14).

A file is sent in one request, or begun with `Upload-Complete: ?0` and gone on with at its upload, as in
draft-ietf-httpbis-resumable-upload. It is read whole or by ranges, as it is or as it was.
"""

from typing import Any

from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain import artifact
from segue_resource.domain.artifact import OCTETS, Artifact, ArtifactVersion
from segue_resource.domain.credential import credential_in
from segue_resource.domain.refusal import (
    ContentErased,
    CursorAhead,
    DigestMismatch,
    NotActive,
    NotFound,
    TooMuch,
    WrongUploadOffset,
)
from segue_resource.endpoints.body import Nothing, read_body
from segue_resource.endpoints.download import download
from segue_resource.endpoints.fields import boolean, integer, sha256
from segue_resource.endpoints.header import Number, creates, header, idempotency_key, required_version, seen
from segue_resource.endpoints.incoming import Incoming, require_plain
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.receiving import Receiving
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show, unchanged
from segue_resource.endpoints.working_set import AS_OF, BEFORE, LARGEST_VERSION
from segue_resource.stores.files import artifact_history, artifacts, blob_rows
from segue_resource.stores.files.blob_rows import Intent, Manifest
from segue_resource.stores.files.contents import Contents
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing

VERSION = Number("version", default=1, least=1, most=LARGEST_VERSION)
READ_FIRST = Number("read_first", default=0, least=0, most=1)
RELEASED = "artifacts"
"""What the audit calls files that were given to the bearer of a token."""


class ArtifactEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, contents: Contents) -> None:
        self._store = store
        self._contents = contents
        self._receiving = Receiving(store, contents)

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/artifacts", GET=self.list_artifacts),
            route("/tasks/{task_id}/artifacts/{path:path}/versions", GET=self.list_versions),
            route("/tasks/{task_id}/artifacts/{path:path}", GET=self.read, PUT=self.put, DELETE=self.delete),
        ]

    @operation(
        "The files of the task", query=[AS_OF], answers={200: {"artifacts": list[Artifact]}}, refuses=[CursorAhead]
    )
    @requires("working_set:read", task="task_id")
    async def list_artifacts(self, request: Request) -> Response:
        """All of them, by path: as they are, or as they were right after one event: `as_of`."""
        caller = caller_of(request)
        if "as_of" not in request.query_params:
            found, head = await self._store.read(caller, artifacts.artifacts, releases=RELEASED)
            return show({"artifacts": found}, head=head)
        seq = AS_OF.of(request)
        found, head = await self._store.read(
            caller, lambda reading: artifact_history.artifacts_as_of(reading, seq), releases=RELEASED
        )
        return show({"artifacts": found, "as_of": seq}, head=head)

    @operation(
        "What a file was",
        query=[BEFORE],
        answers={200: {"versions": list[ArtifactVersion], "next_before": int | None}},
    )
    @requires("working_set:read", task="task_id")
    async def list_versions(self, request: Request) -> Response:
        """The newest first, in pages: `before` is the `next_before` of the page before."""
        path, before = _there(request), BEFORE.of(request)
        (versions, next_before), head = await self._store.read(
            caller_of(request),
            lambda reading: artifact_history.versions(reading, path, before=before),
            releases=RELEASED,
        )
        return show({"versions": versions, "next_before": next_before}, head=head)

    @operation(
        "The content of a file",
        query=[VERSION, AS_OF],
        headers=["If-None-Match", "Range", "If-Range"],
        answers={200: bytes, 206: bytes, 304: None},
        refuses=[CursorAhead, ContentErased, (416, "range-not-satisfiable")],
        etag=True,
    )
    @requires("working_set:read", task="task_id")
    async def read(self, request: Request) -> Response:
        """Of the version that stands, of another one, or of the one that stood right after an event: `as_of`."""
        path, find = _there(request), _which(request)

        def work(reading: Reading) -> tuple[Artifact | None, Manifest | None]:
            row = find(reading, path)
            return artifacts.to_artifact(row, reading.keys), blob_rows.manifest(reading, row.blob_id)

        (found, manifest), head = await self._store.read(caller_of(request), work, releases=RELEASED)
        if found is None or manifest is None:
            raise ContentErased
        if seen(request, found.version):
            return unchanged(head=head, etag=found.version)
        return await download(request, self._contents, found, manifest, head=head)

    @operation(
        "Create or replace a file",
        body=bytes,
        media_type=OCTETS,
        query=[READ_FIRST],
        headers=["If-Match", "If-None-Match", "Repr-Digest", "Content-Digest", "Upload-Length"],
        answers={200: Artifact, 201: Artifact},
        refuses=[NotActive, TooMuch, DigestMismatch, WrongUploadOffset],
        etag=True,
    )
    @requires("working_set:write", task="task_id")
    async def put(self, request: Request) -> Response:
        """Create with `If-None-Match: *`, replace with `If-Match`.

        With `Upload-Complete: ?0` more is to follow: 201 without content, and `Location` says where.
        """
        _refuse_versions(request)
        require_plain(request)
        intent, more = _intent(request), boolean(request, "Upload-Complete") is False
        upload = await self._receiving.begin(caller_of(request), intent, again=idempotency_key(request) is not None)
        incoming = Incoming(request)
        return await self._receiving.first(request, upload, incoming, more=more)

    @operation("Delete a file", body=Nothing, headers=["If-Match!"], answers={204: None}, refuses=[NotActive])
    @requires("working_set:write", task="task_id")
    async def delete(self, request: Request) -> Response:
        _refuse_versions(request)
        path = _there(request)
        _, content = await read_body(request, Nothing)
        version = required_version(request)

        def work(writing: Writing) -> Answer:
            artifacts.delete(writing, path, version=version)
            return answer(204)

        return await mutate(self._store, request, content, work)


def _intent(request: Request) -> Intent:
    """What the request wants to make. Raises `Problem` 400, 422 and 428."""
    path = artifact.normalise(str(request.path_params["path"]))
    if path is None:
        detail = "a path is names joined by /, each of which any device can make a file of"
        raise Problem(400, "invalid-request", "That can be no path", detail)
    if found := credential_in(path):
        raise Problem(422, "live-credential", "A task stores no credentials", f"the path holds {found}")
    media_type = artifact.media_type(header(request, "Content-Type"))
    if media_type is None:
        detail = "Content-Type is no media type"
        raise Problem(400, "invalid-request", "The request is not of the documented form", detail)
    digests = [sha256(request, name) for name in ("Repr-Digest", "Content-Digest")]
    read_first = bool(READ_FIRST.of(request)) if "read_first" in request.query_params else None
    return Intent(
        path=path,
        media_type=media_type,
        read_first=read_first,
        version=None if creates(request) else required_version(request),
        sha256=digests[0] if boolean(request, "Upload-Complete") is False else digests[0] or digests[1],
        length=integer(request, "Upload-Length"),
    )


def _refuse_versions(request: Request) -> None:
    """Versions are read: the route of a file would take any other method to be about a file of that name."""
    if str(request.path_params["path"]).rpartition("/")[2] == artifact.VERSIONS:
        detail = "the header Allow lists the methods of this address"
        raise Problem(405, "method-not-allowed", "Not that method", detail, headers={"Allow": "GET"})


def _there(request: Request) -> str:
    """The path, of what may be there."""
    path = artifact.normalise(str(request.path_params["path"]))
    if path is None:
        raise NotFound
    return path


def _which(request: Request) -> Any:
    """What finds the version that is asked for: `find(reading, path)` gives its row."""
    if "version" in request.query_params and "as_of" in request.query_params:
        raise Problem(400, "invalid-request", "The request names two versions", "say version or as_of")
    if "version" in request.query_params:
        version = VERSION.of(request)
        return lambda reading, path: artifact_history.row_at(reading, path, version)
    if "as_of" in request.query_params:
        seq = AS_OF.of(request)
        return lambda reading, path: artifact_history.row_as_of(reading, path, seq)
    return artifacts.row_of
