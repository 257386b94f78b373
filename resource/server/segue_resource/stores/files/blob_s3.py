"""Objects in a bucket of S3 or of a service that speaks as it does: for processes on several machines.

Needs the extra `segue-resource[s3]`. Credentials and region are found where AWS's own libraries look for them: in the
`AWS_*` variables, in a web identity, or at the machine's metadata service.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segue_resource.stores.files.blobs import BlobMissing, BlobsUnavailable

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store


@dataclass(frozen=True)
class S3Key:
    """A key of one's own, where none comes with the machine."""

    key_id: str
    secret: str = field(repr=False)


class BlobS3:
    """A `BlobStore`."""

    def __init__(self, bucket: "S3Store") -> None:
        self._bucket = bucket

    async def put(self, name: str, content: bytes) -> None:
        from obstore.exceptions import BaseError

        try:
            await self._bucket.put_async(name, content, use_multipart=False)
        except BaseError as wrong:
            raise BlobsUnavailable("an object cannot be written") from wrong

    async def read(self, name: str, *, start: int, size: int) -> bytes:
        from obstore.exceptions import BaseError

        try:
            return bytes(await self._bucket.get_range_async(name, start=start, length=size))
        except FileNotFoundError as wrong:
            raise BlobMissing(name) from wrong
        except BaseError as wrong:
            raise BlobsUnavailable("an object cannot be read") from wrong

    async def delete(self, names: Sequence[str]) -> None:
        from obstore.exceptions import BaseError

        try:
            await self._bucket.delete_async(list(names))
        except FileNotFoundError:
            return
        except BaseError as wrong:
            raise BlobsUnavailable("objects cannot be removed") from wrong


def open_s3(bucket: str, prefix: str, *, endpoint: str | None, key: S3Key | None) -> BlobS3:
    """The bucket, and in it what begins with `prefix`. Asks nobody. Raises ModuleNotFoundError without the extra."""
    from obstore.store import S3Store

    config: S3Config = {"endpoint": endpoint} if endpoint else {}
    if key is not None:
        config |= {"access_key_id": key.key_id, "secret_access_key": key.secret}
    plain = (endpoint or "").startswith("http:")
    return BlobS3(S3Store(bucket, prefix=prefix or None, config=config, client_options={"allow_http": plain}))
