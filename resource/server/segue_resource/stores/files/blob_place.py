"""Where objects are kept, as one address: `file:///folder` or `s3://bucket/prefix`."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from segue_resource.stores.files.blob_files import BlobFiles
from segue_resource.stores.files.blob_s3 import S3Key, open_s3
from segue_resource.stores.files.blobs import BlobStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]{0,100}){0,8}/?")


@dataclass(frozen=True)
class Folder:
    path: Path


@dataclass(frozen=True)
class Bucket:
    name: str
    prefix: str


def parse_place(address: str) -> Folder | Bucket:
    """Raises ValueError for any other address."""
    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise ValueError("it has a query or a fragment")
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return Folder(Path(unquote(parts.path)))
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc) and _PREFIX.fullmatch(parts.path):
        return Bucket(parts.netloc, parts.path.strip("/"))
    raise ValueError("it is neither file:///folder nor s3://bucket/prefix")


def open_blobs(address: str, *, endpoint: str | None = None, key: S3Key | None = None) -> BlobStore:
    """The store at that address; `endpoint` is where S3 is asked, if not at AWS, and `key` with what, if not with what
    AWS's libraries find. Raises ValueError."""
    match parse_place(address):
        case Folder(path):
            return BlobFiles(path)
        case Bucket(name, prefix):
            return open_s3(name, prefix, endpoint=endpoint, key=key)
