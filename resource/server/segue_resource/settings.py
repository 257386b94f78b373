"""The settings of the task store: read once, checked, and passed on as a value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segue.target_uri import is_protected
from segue_storage.setting import BadSetting, address, database, redis, setting, without_password


@dataclass(frozen=True)
class Settings:
    """`url` is the public address, which tokens name as their audience; `issuer` the authorization server's."""

    url: str
    issuer: str
    database: str
    key_file: Path
    redis: str | None = None
    nonce_secret_file: Path | None = None
    paragraph_url: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of this machine, so that one process serves it."""
        return self.database.startswith("sqlite")

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
            "SEGUE_RESOURCE_NONCE_SECRET_FILE": str(self.nonce_secret_file or "(made at each start)"),
            "SEGUE_RESOURCE_PARAGRAPH_URL": (self.paragraph_url or "(the store's own words)").partition("?")[0],
        }


def from_process() -> Settings:
    """The settings of this process. Raises `BadSetting`."""
    return from_environment(os.environ)  # noqa: TID251


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read `SEGUE_RESOURCE_*`, `SEGUE_AUTHZ_ISSUER` and `SEGUE_STATE`. Raises `BadSetting`."""
    state = Path(environ.get("SEGUE_STATE") or ".segue")
    settings = Settings(
        url=setting(environ, "SEGUE_RESOURCE_URL", address, default="http://localhost:8401"),
        issuer=setting(environ, "SEGUE_AUTHZ_ISSUER", address, default="http://localhost:8400"),
        database=setting(
            environ, "SEGUE_RESOURCE_DATABASE", database, default=f"sqlite:///{(state / 'resource.db').resolve()}"
        ),
        key_file=Path(environ.get("SEGUE_RESOURCE_KEY_FILE") or state / "resource.key"),
        redis=setting(environ, "SEGUE_RESOURCE_REDIS", redis, default="") or None,
        nonce_secret_file=_path(environ.get("SEGUE_RESOURCE_NONCE_SECRET_FILE")),
        paragraph_url=setting(environ, "SEGUE_RESOURCE_PARAGRAPH_URL", _protected, default="") or None,
    )
    _require_whole(settings, environ)
    return settings


def _require_whole(settings: Settings, environ: Mapping[str, str]) -> None:
    """What several processes share has to be named: a default of this machine would be another one on the next."""
    if not settings.embedded and not environ.get("SEGUE_RESOURCE_KEY_FILE"):
        raise BadSetting("SEGUE_RESOURCE_KEY_FILE is not set; with PostgreSQL it must name the master key's file")
    if not settings.embedded and settings.redis is None:
        raise BadSetting("SEGUE_RESOURCE_REDIS is not set; with PostgreSQL it must be redis://, rediss:// or unix://")
    if settings.redis is not None and settings.nonce_secret_file is None:
        raise BadSetting(
            "SEGUE_RESOURCE_NONCE_SECRET_FILE is not set; with Redis it must name a file of at least 32 random bytes,"
            " the same for all processes"
        )


def _protected(name: str, value: str) -> str:
    """Empty for none. Titles of a task are sent there, so they must stay private on the way."""
    if value and not is_protected(value):
        raise BadSetting(f"{name} cannot be used; it must start with https:// (http:// for this machine alone)")
    return value


def _path(value: str | None) -> Path | None:
    return Path(value) if value else None
