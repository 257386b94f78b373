"""The settings of the task store: read once, checked, and passed on as a value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segue.authority import ACTIONS
from segue.target_uri import is_protected
from segue_storage.observing import Observing, read_observing
from segue_storage.setting import BadSetting, address, database, redis, setting, without_password

from segue_resource import retention_file
from segue_resource.domain.compaction import NEVER, Thresholds, thresholds
from segue_resource.domain.retention import Retention, summary
from segue_resource.domain.search import SearchMode
from segue_resource.stores.files.blob_place import parse_place
from segue_resource.stores.files.blob_s3 import S3Key

SENSITIVE: Mapping[str, int] = {"task:erase": 300}
"""What cannot be taken back is asked of a person who is here, unless an operator says another age."""
METRICS = "SEGUE_RESOURCE_METRICS"
LEAST_AGE = 60
"""Seconds: with less, a device would have the person sign in again and again for one piece of work."""


@dataclass(frozen=True)
class Settings:
    """`url` is the public address, which tokens name as their audience; `issuer` the authorization server's.

    `sensitive` gives for an action how many seconds ago at most the person must have signed in.
    """

    url: str
    issuer: str
    database: str
    key_file: Path
    redis: str | None = None
    blobs: str | None = None
    s3_endpoint: str | None = None
    s3_key: S3Key | None = None
    nonce_secret_file: Path | None = None
    paragraph_url: str | None = None
    summary_url: str | None = None
    compaction: Thresholds = NEVER
    search: SearchMode = SearchMode.SCAN
    retention_file: Path | None = None
    retention: Retention = field(default_factory=Retention)
    sensitive: Mapping[str, int] = field(default_factory=lambda: SENSITIVE)
    observing: Observing = field(default_factory=lambda: Observing(METRICS))

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of this machine, so that one process serves it."""
        return self.database.startswith("sqlite")

    @property
    def blob_place(self) -> str:
        """Where files are kept: beside the master key, unless it is said."""
        return self.blobs or (self.key_file.parent / "blobs").resolve().as_uri()

    @property
    def https(self) -> bool:
        return self.url.startswith("https:")

    def shown(self) -> dict[str, str]:
        """The settings by the names of their variables, without secrets."""
        return {
            "SEGUE_RESOURCE_URL": self.url,
            "SEGUE_AUTHZ_ISSUER": self.issuer,
            "SEGUE_RESOURCE_DATABASE": without_password(self.database),
            "SEGUE_RESOURCE_REDIS": without_password(self.redis) if self.redis else "(this process)",
            "SEGUE_RESOURCE_KEY_FILE": str(self.key_file),
            "SEGUE_RESOURCE_BLOBS": self.blob_place,
            "SEGUE_RESOURCE_S3_ENDPOINT": self.s3_endpoint or "(that of AWS)",
            "AWS_ACCESS_KEY_ID": self.s3_key.key_id if self.s3_key else "(as AWS's libraries find it)",
            "AWS_SECRET_ACCESS_KEY": "***" if self.s3_key else "(as AWS's libraries find it)",
            "SEGUE_RESOURCE_NONCE_SECRET_FILE": str(self.nonce_secret_file or "(made at each start)"),
            "SEGUE_RESOURCE_SENSITIVE": " ".join(f"{action}={age}" for action, age in sorted(self.sensitive.items())),
            "SEGUE_RESOURCE_SEARCH": self.search,
            "SEGUE_RESOURCE_RETENTION": f"{self.retention_file or '(built in)'}: {summary(self.retention)}",
            "SEGUE_RESOURCE_COMPACTION": str(self.compaction) if self.compaction.ever else "(never by itself)",
            "SEGUE_RESOURCE_SUMMARY_URL": (self.summary_url or "(the store's own words)").partition("?")[0],
            **self.observing.shown(),
            "SEGUE_RESOURCE_PARAGRAPH_URL": (self.paragraph_url or "(the store's own words)").partition("?")[0],
        }


def from_process() -> Settings:
    """The settings of this process. Raises `BadSetting`."""
    return from_environment(os.environ)  # noqa: TID251


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read `SEGUE_RESOURCE_*`, `SEGUE_AUTHZ_ISSUER` and `SEGUE_STATE`. Raises `BadSetting`."""
    state = Path(environ.get("SEGUE_STATE") or ".segue")
    policy = _path(environ.get("SEGUE_RESOURCE_RETENTION"))
    settings = Settings(
        url=setting(environ, "SEGUE_RESOURCE_URL", address, default="http://localhost:8401"),
        issuer=setting(environ, "SEGUE_AUTHZ_ISSUER", address, default="http://localhost:8400"),
        database=setting(
            environ, "SEGUE_RESOURCE_DATABASE", database, default=f"sqlite:///{(state / 'resource.db').resolve()}"
        ),
        key_file=Path(environ.get("SEGUE_RESOURCE_KEY_FILE") or state / "resource.key"),
        blobs=setting(environ, "SEGUE_RESOURCE_BLOBS", _place, default="") or None,
        s3_endpoint=setting(environ, "SEGUE_RESOURCE_S3_ENDPOINT", _protected, default="") or None,
        s3_key=_s3_key(environ),
        redis=setting(environ, "SEGUE_RESOURCE_REDIS", redis, default="") or None,
        nonce_secret_file=_path(environ.get("SEGUE_RESOURCE_NONCE_SECRET_FILE")),
        paragraph_url=setting(environ, "SEGUE_RESOURCE_PARAGRAPH_URL", _protected, default="") or None,
        summary_url=setting(environ, "SEGUE_RESOURCE_SUMMARY_URL", _protected, default="") or None,
        compaction=_compaction(environ.get("SEGUE_RESOURCE_COMPACTION", "")),
        sensitive=_sensitive(environ.get("SEGUE_RESOURCE_SENSITIVE", "")),
        search=SearchMode(setting(environ, "SEGUE_RESOURCE_SEARCH", _search_mode, default=SearchMode.SCAN)),
        retention_file=policy,
        retention=retention_file.read(policy),
        observing=read_observing(environ, METRICS),
    )
    _require_whole(settings, environ)
    return settings


def _require_whole(settings: Settings, environ: Mapping[str, str]) -> None:
    """What several processes share has to be named: a default of this machine would be another one on the next."""
    if not settings.embedded and not environ.get("SEGUE_RESOURCE_KEY_FILE"):
        raise BadSetting("SEGUE_RESOURCE_KEY_FILE is not set; with PostgreSQL it must name the master key's file")
    if not settings.embedded and settings.redis is None:
        raise BadSetting("SEGUE_RESOURCE_REDIS is not set; with PostgreSQL it must name a Redis or a Redis cluster")
    if not settings.embedded and settings.blobs is None:
        raise BadSetting(
            "SEGUE_RESOURCE_BLOBS is not set; with PostgreSQL it must be s3://bucket/prefix, or file:///folder for a"
            " folder that all processes share"
        )
    if settings.redis is not None and settings.nonce_secret_file is None:
        raise BadSetting(
            "SEGUE_RESOURCE_NONCE_SECRET_FILE is not set; with Redis it must name a file of at least 32 random bytes,"
            " the same for all processes"
        )


def _place(name: str, value: str) -> str:
    """Empty for none."""
    try:
        if value:
            parse_place(value)
    except ValueError as wrong:
        raise BadSetting(f"{name} cannot be used: {wrong}") from wrong
    return value


def _s3_key(environ: Mapping[str, str]) -> S3Key | None:
    """None where it is found in another way. Raises `BadSetting`."""
    key_id = setting(environ, "AWS_ACCESS_KEY_ID", _as_it_is, default="")
    secret = setting(environ, "AWS_SECRET_ACCESS_KEY", _as_it_is, default="")
    if bool(key_id) != bool(secret):
        raise BadSetting("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set both, or neither")
    return S3Key(key_id, secret) if key_id else None


def _as_it_is(_: str, value: str) -> str:
    return value


def _protected(name: str, value: str) -> str:
    """Empty for none. Titles of a task are sent there, so they must stay private on the way."""
    if value and not is_protected(value):
        raise BadSetting(f"{name} cannot be used; it must start with https:// (http:// for this machine alone)")
    return value


def _search_mode(name: str, value: str) -> str:
    if value not in list(SearchMode):
        raise BadSetting(f"{name} is {value!r}; it must be one of {', '.join(SearchMode)}")
    return value


def _sensitive(text: str) -> dict[str, int]:
    """`action=seconds`, separated by spaces. Raises `BadSetting`."""
    ages = dict(SENSITIVE)
    for entry in text.split():
        action, _, age = entry.partition("=")
        if action not in ACTIONS or not (age.isascii() and age.isdecimal() and len(age) < 8 and int(age) >= LEAST_AGE):
            raise BadSetting(
                f"SEGUE_RESOURCE_SENSITIVE holds {entry!r}; it must be actions with at least {LEAST_AGE} seconds,"
                " such as tool_calls:approve=300"
            )
        ages[action] = int(age)
    return ages


def _compaction(text: str) -> Thresholds:
    """Raises `BadSetting`."""
    try:
        return thresholds(text)
    except ValueError as wrong:
        raise BadSetting(f"SEGUE_RESOURCE_COMPACTION {wrong}") from wrong


def _path(value: str | None) -> Path | None:
    return Path(value) if value else None
