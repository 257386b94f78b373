"""`/healthz`: the process lives. `/readyz`: it can do its work, so requests may be sent to it."""

import logging

from segue.clock import Clock
from segue.issuer_keys import Keys, KeysUnavailable, UnknownKey
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from segue_storage.going_away import GoingAway
from segue_storage.migrations import Schema
from segue_storage.readiness import Readiness
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from segue_resource.endpoints.operation import Caller, operation
from segue_resource.endpoints.route import route

READINESS = {"ready": bool, "missing": list[str]}
_log = logging.getLogger(__name__)
GRACE = 300
"""Seconds for which the keys that were had are good enough; the middleware uses them longer."""
_NO_KEY = "readiness"
"""A `kid` that no issuer has: asking for it shows whether the keys could be had."""


class HealthEndpoints:
    """The handlers. They say nothing about the inside but whether it works."""

    def __init__(
        self, database: Database, ephemeral: Ephemeral, keys: Keys, *, clock: Clock, going_away: GoingAway
    ) -> None:
        self._readiness = Readiness(database, ephemeral, Schema("segue_resource"), going_away)
        self._keys = keys
        self._clock = clock
        self._had_keys_at: int | None = None

    def routes(self) -> list[Route]:
        return [route("/healthz", GET=self.alive), route("/readyz", GET=self.ready)]

    @operation("The process lives", caller=Caller.ANYBODY, answers={200: {"alive": bool}})
    async def alive(self, _: Request) -> Response:
        return JSONResponse({"alive": True})

    @operation("It can do its work", caller=Caller.ANYBODY, answers={200: READINESS, 503: READINESS})
    async def ready(self, _: Request) -> Response:
        """503 with what is missing: the database, its tables, the ephemeral store, the issuer's keys, or time."""
        missing = await self._readiness.missing()
        if missing != ["stopping"] and not await self._has_keys():
            missing.append("issuer_keys")
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    async def _has_keys(self) -> bool:
        """Whether the keys can be had, or could a while ago: an issuer that restarts takes no store with it."""
        try:
            await self._keys.key(_NO_KEY)
        except KeysUnavailable as failure:
            _log.warning("the issuer's keys: %s", failure)
            return self._had_keys_at is not None and self._clock() - self._had_keys_at <= GRACE
        except UnknownKey:
            pass
        self._had_keys_at = self._clock()
        return True
