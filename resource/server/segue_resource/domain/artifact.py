"""Artifacts: the files of a task, each a path with versions that are never given twice (T14).

A path is a name and nothing else: no file of the server is ever called so. It is still held to what every device can
make a file of, so that whoever restores a workspace into a folder writes into that folder alone (XD-TASK-04).
"""

import re
import unicodedata
from dataclasses import dataclass

from segue_resource.domain.actor import Actor
from segue_resource.domain.name import is_name

MAX_SIZE = 2**30
"""Bytes of one file."""
MAX_FILES = 1000
"""Paths that a task has at a time: they are listed in one answer."""
MAX_BYTES = 8 * 2**30
"""Of a task, all versions together, each content counted once for each person who brought it."""
MAX_CONTENTS = 20_000
"""Different contents in a task, all versions together."""
MAX_UPLOADS = 16
"""Unfinished uploads in a task."""
MAX_READ_FIRST = 8
"""Files that a resume shows."""
READ_FIRST_BYTES = 16_384
"""Of one file that a resume shows with its text."""

VERSIONS = "versions"
"""The last segment that no path has: it asks for the versions of what stands before it."""

_LONGEST = 512
_DEEPEST = 32
_SEGMENT_BYTES = 255
_FORBIDDEN = re.compile(r'[\\:*?"<>|\ufffd]|%[0-9A-Fa-f]{2}')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(\..*)?", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_INERT = {
    **dict.fromkeys(("text/plain", "text/markdown", "text/csv"), "; charset=utf-8"),
    **dict.fromkeys(("application/json", "application/zip", "application/gzip"), ""),
    **dict.fromkeys(("image/png", "image/jpeg", "image/gif", "image/webp", "audio/mpeg", "audio/wav", "video/mp4"), ""),
}
"""Types in which nothing runs, and what is said with them: a browser must guess no charset."""

OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class Artifact:
    """One file as it stands. `version` rises by one with each change; `sha256` is of the content, in hexadecimal."""

    path: str
    version: int
    seq: int
    media_type: str
    size: int
    sha256: str
    read_first: bool
    updated_at: int
    updated_by: Actor


@dataclass(frozen=True)
class ArtifactVersion:
    """What a file once was, as the event `seq` says. A deletion is a version of its own, without content."""

    version: int
    seq: int
    deleted: bool
    media_type: str | None
    size: int
    sha256: str | None
    read_first: bool
    updated_at: int
    updated_by: Actor


@dataclass(frozen=True)
class ReadFirst:
    """A file that whoever goes on reads first (R23). `text` is its content if that is short text, else null."""

    path: str
    version: int
    media_type: str
    size: int
    text: str | None


def normalise(path: str) -> str | None:
    """The one spelling of a path (Unicode NFC), or None if it can be none."""
    spelled = unicodedata.normalize("NFC", path)
    segments = spelled.split("/")
    if len(spelled) > _LONGEST or len(segments) > _DEEPEST or segments[-1] == VERSIONS:
        return None
    return spelled if all(map(_is_segment, segments)) else None


def _is_segment(segment: str) -> bool:
    """Neither a step (`..`) nor hidden letters, nor what a device would take for something else than a name."""
    try:
        size = len(segment.encode())
    except UnicodeEncodeError:
        return False
    if not is_name(segment) or size > _SEGMENT_BYTES or segment.endswith("."):
        return False
    return not (_FORBIDDEN.search(segment) or _RESERVED.fullmatch(segment))


def media_type(said: str | None) -> str | None:
    """Type and subtype of a `Content-Type`, `application/octet-stream` for none; None if it is of no such form."""
    if said is None:
        return OCTETS
    plain = said.partition(";")[0].strip().lower()
    return plain if _MEDIA_TYPE.fullmatch(plain) else None


def served_as(media_type: str) -> str:
    """The `Content-Type` of a download: what could run in a browser is bytes there (XD-WEB-11)."""
    return media_type + _INERT[media_type] if media_type in _INERT else OCTETS


def is_text(media_type: str) -> bool:
    """Whether a resume may show the content as text."""
    return media_type.startswith("text/") or media_type == "application/json"
