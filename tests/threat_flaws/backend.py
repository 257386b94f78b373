"""Flaws of the middleware: what it compares loosely, lets pass, or lets out."""

import hashlib
from typing import Any

from segue import guard, issuer_keys, jose, middleware, requires, task_token
from segue.task_token import TaskToken, TaskTokenVerifier
from segue.withdrawals import Withdrawals, WithdrawalsUnavailable

from threat_flaws.flaw import Patch, flaw


@flaw("XD-JOSE-11")
def an_issuer_may_begin_like_ours(patch: Patch) -> None:
    read = TaskTokenVerifier._read

    def careless(self: TaskTokenVerifier, claims: dict[str, Any]) -> TaskToken:
        iss = claims.get("iss")
        return read(self, {**claims, "iss": self._issuer} if str(iss).startswith(self._issuer) else claims)

    patch.setattr(TaskTokenVerifier, "_read", careless)


@flaw("XD-JOSE-11")
def an_audience_is_compared_without_case(patch: Patch) -> None:
    read = TaskTokenVerifier._read

    def careless(self: TaskTokenVerifier, claims: dict[str, Any]) -> TaskToken:
        aud = str(claims.get("aud")).casefold()
        return read(self, {**claims, "aud": self._audience if aud == self._audience else claims.get("aud")})

    patch.setattr(TaskTokenVerifier, "_read", careless)


@flaw("XD-JOSE-11", "odd times pass")
def a_token_is_good_for_a_minute_after_its_end(patch: Patch) -> None:
    check = task_token._check_times

    def lenient(iat: int, exp: int, *, now: int) -> None:
        check(iat, now + 1 if now - 60 <= exp <= now else exp, now=now)

    patch.setattr(task_token, "_check_times", lenient)


@flaw("XD-JOSE-11", "odd times pass")
def a_time_may_be_text(patch: Patch) -> None:
    read = task_token._time

    def lenient(claims: dict[str, Any], name: str, *, absent: int | None = None) -> int:
        value = claims.get(name, absent)
        return read({name: int(value) if isinstance(value, str) and value else value}, name, absent=absent)

    patch.setattr(task_token, "_time", lenient)


@flaw("XD-AGT-06", "the backend passes the token on")
def the_token_is_shown_to_the_backend(patch: Patch) -> None:
    patch.setattr(middleware, "without_token", lambda headers: headers)


@flaw("XD-AGT-06", "a narrow token makes the backend do more")
def a_valid_token_may_do_anything(patch: Patch) -> None:
    patch.setattr(requires, "check", lambda place, *_, **__: place["segue"])


@flaw("XD-AGT-09", "a door without a guard is found")
def websockets_pass(patch: Patch) -> None:
    serve = middleware.TaskTokenMiddleware.__call__

    async def careless(self: middleware.TaskTokenMiddleware, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await serve(self, scope, receive, send)

    patch.setattr(middleware.TaskTokenMiddleware, "__call__", careless)


@flaw("XD-AGT-09", "keys that cannot be had are done without")
def what_cannot_be_checked_is_believed(patch: Patch) -> None:
    verify, includes = TaskTokenVerifier._verify, Withdrawals.includes

    async def hopeful(self: Withdrawals, grant_id: str) -> bool:
        try:
            return await includes(self, grant_id)
        except WithdrawalsUnavailable:
            return False

    async def trusting(self: TaskTokenVerifier, token: str) -> Any:
        try:
            return await verify(self, token)
        except issuer_keys.KeysUnavailable:
            jws = jose.parse(token)
            return task_token._Verified(self._read(jws.claims()), "", None, 0)  # type: ignore[arg-type]

    patch.setattr(TaskTokenVerifier, "_verify", trusting)
    patch.setattr(Withdrawals, "includes", hopeful)


@flaw("XD-AGT-09", "a remembered answer outlives the token")
def a_token_that_was_good_stays_good(patch: Patch) -> None:
    verify = TaskTokenVerifier.verify

    async def forgetful(self: TaskTokenVerifier, token: str, *, digest: bytes | None = None) -> TaskToken:
        known = self._remembered.get(hashlib.sha256(token.encode()).digest())
        return known.token if known else await verify(self, token, digest=digest)

    patch.setattr(TaskTokenVerifier, "verify", forgetful)


@flaw("XD-KEY-01", "a withdrawn key is trusted for ever")
def a_key_once_read_is_kept(patch: Patch) -> None:
    patch.setattr(issuer_keys, "FRESH", 10**9)
    patch.setattr(issuer_keys, "STALE", 10**9)
    load = issuer_keys.IssuerKeys._load

    async def keeping(self: issuer_keys.IssuerKeys) -> Any:
        return {**self._keys, **await load(self)}

    patch.setattr(issuer_keys.IssuerKeys, "_load", keeping)


@flaw("XD-KEY-01", "a withdrawn key is trusted for ever")
def every_unknown_key_is_asked_for(patch: Patch) -> None:
    patch.setattr(issuer_keys, "PAUSE", 0)


@flaw("XD-META-02", "a backend lures the client elsewhere")
def a_backend_names_another_authorization_server(patch: Patch) -> None:
    describe = guard._metadata
    patch.setattr(
        guard, "_metadata", lambda *, issuer, audience: describe(issuer=f"{issuer}.example", audience=audience)
    )
