"""How an upload begins, goes on and becomes a version, whichever request brings its end."""

from contextlib import suppress

from segue_storage.database import DatabaseUnavailable
from starlette.requests import Request
from starlette.responses import Response

from segue_resource.domain import artifact
from segue_resource.domain.actor import Caller
from segue_resource.domain.refusal import Conflict, DigestMismatch, Refused, WrongUploadOffset
from segue_resource.endpoints.incoming import Incoming
from segue_resource.endpoints.task_request import answer, caller_of, mutate
from segue_resource.stores.files import artifacts, blob_rows
from segue_resource.stores.files.blob_rows import Intent, Upload
from segue_resource.stores.files.contents import Contents, Received
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing


class Receiving:
    """Raises `Refused` and `Problem`."""

    def __init__(self, store: TaskStore, contents: Contents) -> None:
        self._store = store
        self._contents = contents

    async def begin(self, caller: Caller, intent: Intent, *, again: bool) -> Upload:
        """An empty upload, unless it could only be refused in the end. `again`: it may have succeeded before."""
        blob_id, secret = self._contents.new_blob()
        begun: list[Upload] = []

        def work(writing: Writing) -> Answer:
            current = artifacts.find(writing, intent.path)
            if not again and intent.version != (None if current is None else current.version):
                raise Conflict(current)
            begun.append(blob_rows.begin(writing, blob_id, secret, intent))
            return answer(204)

        await self._store.write(caller, work, expected=0)
        return begun[-1]

    async def first(self, request: Request, upload: Upload, incoming: Incoming, *, more: bool) -> Response:
        """Take what the request that began the upload brings; it is the whole file unless there is `more`."""
        try:
            received = await self._contents.receive(upload, aiter(incoming))
            if more:
                return _to_be_continued(request, received.upload)
            if incoming.cut:
                raise incoming.cut
            made = await self._finish(request, received, attempt=None)
        except BaseException:
            await self._give_up(upload)
            raise
        if "Idempotency-Replayed" in made.headers:
            await self._give_up(upload)
        return made

    async def following(self, request: Request, upload: Upload, incoming: Incoming, *, more: bool) -> Response:
        """Take what comes at the end of the upload; without `more` that is the last of it.

        What is finished once is answered alike however often its client repeats the end of it.
        """
        attempt = Attempt(f" {upload.blob_id}", "finished")
        if upload.complete:
            return await self._again(request, upload, attempt)
        received = await self._contents.receive(upload, aiter(incoming))
        if incoming.cut:
            raise incoming.cut
        if more:
            return Response(status_code=204, headers=progress(received.upload))
        try:
            return await self._finish(request, received, attempt=attempt)
        except DigestMismatch:
            await self._give_up(upload)
            raise

    async def _again(self, request: Request, upload: Upload, attempt: Attempt) -> Response:
        """The answer that this device got, or should have got, when the upload was finished."""

        def work(_: Writing) -> Answer:
            raise WrongUploadOffset(upload.size)

        return await mutate(self._store, request, b"", work, expected=0, attempt=attempt)

    async def _finish(self, request: Request, received: Received, *, attempt: Attempt | None) -> Response:
        upload, intent = received.upload, received.upload.intent
        if intent.length not in (None, upload.size):
            raise WrongUploadOffset(upload.size)
        sha256 = received.sha256 or await self._contents.sha256(upload)
        if intent.sha256 not in (None, sha256):
            raise DigestMismatch
        parts = await self._contents.parts(upload)

        def work(writing: Writing) -> Answer:
            made = artifacts.put(writing, upload, parts, sha256=sha256)
            headers = {"ETag": f'"{made.version}"', "Upload-Complete": "?1"}
            return answer(201 if intent.version is None else 200, made, **headers)

        return await mutate(self._store, request, sha256.encode("ascii"), work, attempt=attempt)

    async def _give_up(self, upload: Upload) -> None:
        """Nobody can go on with it. If this fails, it expires."""
        with suppress(DatabaseUnavailable, Refused):
            await self._contents.drop(upload)


def progress(upload: Upload) -> dict[str, str]:
    """What an answer says of where an upload is."""
    said = {} if upload.intent.length is None else {"Upload-Length": str(upload.intent.length)}
    return said | {
        "Upload-Offset": str(upload.size),
        "Upload-Complete": "?1" if upload.complete else "?0",
        "Upload-Limit": f"max-size={artifact.MAX_SIZE}, max-age={blob_rows.UPLOAD_LIFETIME}",
        "Cache-Control": "no-store",
    }


def _to_be_continued(request: Request, upload: Upload) -> Response:
    location = f"/tasks/{caller_of(request).task_id}/uploads/{upload.blob_id}"
    return Response(status_code=201, headers={"Location": location, **progress(upload)})
