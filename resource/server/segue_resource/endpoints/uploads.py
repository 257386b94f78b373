"""`/tasks/{task_id}/uploads/{upload_id}`: where a cut upload is, and how it goes on.

draft-ietf-httpbis-resumable-upload, with problem types of our own. Any device of the person who began it may go on.
"""

from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.artifact import Artifact
from segue_resource.domain.refusal import DigestMismatch, NotActive, TooMuch, WrongUploadOffset
from segue_resource.endpoints.body import Nothing, read_body
from segue_resource.endpoints.fields import boolean, integer
from segue_resource.endpoints.header import path_id
from segue_resource.endpoints.incoming import Incoming, require_plain
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.receiving import Receiving, progress
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import answer, caller_of, mutate
from segue_resource.stores.files import blob_rows
from segue_resource.stores.files.blob_rows import Upload
from segue_resource.stores.files.contents import Contents
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

PARTIAL = "application/partial-upload"


class UploadEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, contents: Contents) -> None:
        self._store = store
        self._receiving = Receiving(store, contents)

    def routes(self) -> list[Route]:
        path = "/tasks/{task_id}/uploads/{upload_id}"
        return [route(path, HEAD=self.show, PATCH=self.append, DELETE=self.cancel)]

    @operation("How much of an upload has come", answers={204: None})
    @requires("working_set:write", task="task_id")
    async def show(self, request: Request) -> Response:
        """`Upload-Offset` says where to go on, `Upload-Complete` whether there is anything left to send."""
        upload_id = path_id(request, "upload_id")
        upload, head = await self._store.read(
            caller_of(request), lambda reading: blob_rows.upload(reading, upload_id), releases="uploads"
        )
        return Response(status_code=204, headers={**progress(upload), "Task-Head": str(head)})

    @operation(
        "Go on with an upload",
        body=bytes,
        media_type=PARTIAL,
        headers=["Upload-Offset!", "Upload-Complete!"],
        answers={200: Artifact, 201: Artifact, 204: None},
        refuses=[NotActive, TooMuch, DigestMismatch, WrongUploadOffset, (412, "conflict")],
        idempotency=False,
    )
    @requires("working_set:write", task="task_id")
    async def append(self, request: Request) -> Response:
        """With `Upload-Complete: ?1` the file is made of it, and the answer is that of the request that began it."""
        upload_id = path_id(request, "upload_id")
        require_plain(request)
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != PARTIAL:
            raise Problem(415, "unsupported-media-type", "The content is a part", f"send Content-Type: {PARTIAL}")
        offset, complete = integer(request, "Upload-Offset"), boolean(request, "Upload-Complete")
        if offset is None or complete is None:
            detail = "say Upload-Offset and Upload-Complete"
            raise Problem(400, "invalid-request", "The request is not of the documented form", detail)
        upload = await self._upload(request, upload_id)
        if offset != upload.size and not upload.complete:
            raise WrongUploadOffset(upload.size)
        return await self._receiving.following(request, upload, Incoming(request), more=not complete)

    @operation("Give up an upload", body=Nothing, answers={204: None})
    @requires("working_set:write", task="task_id")
    async def cancel(self, request: Request) -> Response:
        upload_id = path_id(request, "upload_id")
        _, content = await read_body(request, Nothing)

        def work(writing: Writing) -> Answer:
            blob_rows.drop(writing.connection, blob_rows.upload(writing, upload_id).blob_id)
            return answer(204)

        return await mutate(self._store, request, content, work, expected=0)

    async def _upload(self, request: Request, upload_id: str) -> Upload:
        """The upload, for one who may write to the task now. Raises `NotFound` and what `TaskStore.write` raises."""
        found: list[Upload] = []

        def work(writing: Writing) -> Answer:
            found.append(blob_rows.upload(writing, upload_id))
            if not found[-1].complete:
                writing.require_working()
            return answer(204)

        await self._store.write(caller_of(request), work, expected=0)
        return found[-1]
