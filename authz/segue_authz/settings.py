"""The settings of the authorization server: read once, checked, and passed on as a value."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from segue_storage.observing import Observing, read_observing
from segue_storage.setting import BadSetting, address, database, redis, seconds, setting, without_password

from segue_authz.domain.bound_session import Binding
from segue_authz.domain.profile import PROFILES, SEGUE, Profile

HOUR, DAY = 3_600, 86_400
METRICS = "SEGUE_AUTHZ_METRICS"


class Registering(StrEnum):
    """Who may register a client (RFC 7591)."""

    OFF = "off"
    INVITED = "invited"
    """Whoever shows an initial access token that the operator made."""
    OPEN = "open"
    """Anybody, within limits."""


@dataclass(frozen=True)
class Settings:
    """Addresses are public ones. `keys` is a folder, `secret` and `policy` are files. Lifetimes in seconds."""

    issuer: str
    task_store: str
    database: str
    keys: Path
    secret: Path
    redis: str | None = None
    policy: Path | None = None
    further_audiences: tuple[str, ...] = ()
    grant_lifetime: int = 30 * DAY
    browser_session_lifetime: int = DAY // 2
    bound_sessions: Binding = Binding.OFFER
    check_in: int = 4 * HOUR
    registration: Registering = Registering.INVITED
    client_documents: tuple[str, ...] = ()
    attesters: Path | None = None
    upstream: Path | None = None
    profile: Profile = SEGUE
    observing: Observing = field(default_factory=lambda: Observing(METRICS))

    @property
    def audiences(self) -> tuple[str, ...]:
        """The task store, which is the default, then the others, and the issuer, at which transfers are started."""
        return (self.task_store, *self.further_audiences, self.issuer)

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of this machine, so that one process serves it."""
        return self.database.startswith("sqlite")

    @property
    def https(self) -> bool:
        return self.issuer.startswith("https:")

    def shown(self) -> dict[str, str]:
        """The settings by the names of their variables, without secrets."""
        return {
            "SEGUE_AUTHZ_ISSUER": self.issuer,
            "SEGUE_RESOURCE_URL": self.task_store,
            "SEGUE_AUTHZ_AUDIENCES": " ".join(self.further_audiences),
            "SEGUE_AUTHZ_DATABASE": without_password(self.database),
            "SEGUE_AUTHZ_REDIS": without_password(self.redis) if self.redis else "(this process)",
            "SEGUE_AUTHZ_KEYS": str(self.keys),
            "SEGUE_AUTHZ_SECRET_FILE": str(self.secret),
            "SEGUE_AUTHZ_POLICY": str(self.policy or "(balanced)"),
            "SEGUE_AUTHZ_PROFILE": self.profile.name,
            "SEGUE_AUTHZ_GRANT_LIFETIME": str(self.grant_lifetime),
            "SEGUE_AUTHZ_BROWSER_SESSION_LIFETIME": str(self.browser_session_lifetime),
            "SEGUE_AUTHZ_BOUND_SESSIONS": self.bound_sessions.value,
            "SEGUE_AUTHZ_CHECK_IN": str(self.check_in),
            "SEGUE_AUTHZ_REGISTRATION": self.registration.value,
            "SEGUE_AUTHZ_ATTESTERS": str(self.attesters or "(none)"),
            "SEGUE_AUTHZ_UPSTREAM": str(self.upstream or "(none)"),
            "SEGUE_AUTHZ_CLIENT_DOCUMENTS": " ".join(self.client_documents) or "off",
            **self.observing.shown(),
        }


def from_process() -> Settings:
    """The settings of this process. Raises `BadSetting`."""
    return from_environment(os.environ)  # noqa: TID251


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read `SEGUE_AUTHZ_*`, `SEGUE_RESOURCE_URL` and `SEGUE_STATE`. Raises `BadSetting`."""
    state = Path(environ.get("SEGUE_STATE") or ".segue")
    settings = Settings(
        issuer=setting(environ, "SEGUE_AUTHZ_ISSUER", address, default="http://localhost:8400"),
        task_store=setting(environ, "SEGUE_RESOURCE_URL", address, default="http://localhost:8401"),
        database=setting(
            environ, "SEGUE_AUTHZ_DATABASE", database, default=f"sqlite:///{(state / 'authz.db').resolve()}"
        ),
        redis=setting(environ, "SEGUE_AUTHZ_REDIS", redis, default="") or None,
        keys=Path(environ.get("SEGUE_AUTHZ_KEYS") or state / "authz-keys"),
        secret=Path(environ.get("SEGUE_AUTHZ_SECRET_FILE") or state / "authz-secret"),
        profile=_profile("SEGUE_AUTHZ_PROFILE", environ.get("SEGUE_AUTHZ_PROFILE") or SEGUE.name),
        policy=Path(environ["SEGUE_AUTHZ_POLICY"]) if environ.get("SEGUE_AUTHZ_POLICY") else None,
        further_audiences=tuple(
            address("SEGUE_AUTHZ_AUDIENCES", audience) for audience in environ.get("SEGUE_AUTHZ_AUDIENCES", "").split()
        ),
        grant_lifetime=seconds(environ, "SEGUE_AUTHZ_GRANT_LIFETIME", default=30 * DAY, least=300, most=90 * DAY),
        browser_session_lifetime=seconds(
            environ, "SEGUE_AUTHZ_BROWSER_SESSION_LIFETIME", default=DAY // 2, least=300, most=30 * DAY
        ),
        bound_sessions=Binding(setting(environ, "SEGUE_AUTHZ_BOUND_SESSIONS", _binding, default="offer")),
        check_in=seconds(environ, "SEGUE_AUTHZ_CHECK_IN", default=4 * HOUR, least=0, most=7 * DAY),
        registration=Registering(setting(environ, "SEGUE_AUTHZ_REGISTRATION", _registering, default="invited")),
        attesters=Path(environ["SEGUE_AUTHZ_ATTESTERS"]) if environ.get("SEGUE_AUTHZ_ATTESTERS") else None,
        upstream=Path(environ["SEGUE_AUTHZ_UPSTREAM"]) if environ.get("SEGUE_AUTHZ_UPSTREAM") else None,
        client_documents=_hosts("SEGUE_AUTHZ_CLIENT_DOCUMENTS", environ),
        observing=read_observing(environ, METRICS),
    )
    _require_whole(settings, environ)
    return settings


def _registering(name: str, value: str) -> str:
    if value not in tuple(Registering):
        raise BadSetting(f"{name} is {value!r}; it must be one of {', '.join(Registering)}")
    return value


def _binding(name: str, value: str) -> str:
    if value not in tuple(Binding):
        raise BadSetting(f"{name} is {value!r}; it must be one of {', '.join(Binding)}")
    return value


def _hosts(name: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """None for `off`."""
    text = environ.get(name) or "off"
    if text == "off":
        return ()
    hosts = tuple(text.split())
    if "off" in hosts or not all(re.fullmatch(r"[a-z0-9.-]{1,253}", host, re.ASCII) for host in hosts):
        raise BadSetting(f"{name} is {text!r}; it must be off, any, or names of hosts in small letters")
    return hosts


def _profile(name: str, value: str) -> Profile:
    if value not in PROFILES:
        raise BadSetting(f"{name} is {value!r}; it must be one of {', '.join(PROFILES)}")
    return PROFILES[value]


def _require_whole(settings: Settings, environ: Mapping[str, str]) -> None:
    """What several processes share has to be named: a default of this machine would be another one on the next."""
    if settings.embedded:
        return
    for name in ("SEGUE_AUTHZ_KEYS", "SEGUE_AUTHZ_SECRET_FILE"):
        if not environ.get(name):
            raise BadSetting(f"{name} is not set; with PostgreSQL it must name what all processes share")
    if settings.redis is None:
        raise BadSetting("SEGUE_AUTHZ_REDIS is not set; with PostgreSQL it must name a Redis or a Redis cluster")
