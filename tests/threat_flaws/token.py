"""Flaws of tokens and grants."""

from typing import Any

from segue import jose, task_token
from segue.security_event import SecurityEventReader
from segue_authz.stores.grants import Grants

from threat_flaws.flaw import Patch, flaw, nothing_later


@flaw("XD-TOK-03")
def a_revoked_grant_lives_on(patch: Patch) -> None:
    patch.setattr(Grants, "revoke", nothing_later)


@flaw("XD-TOK-06")
def reuse_is_not_noticed(patch: Patch) -> None:
    refresh = Grants.refresh

    async def lenient(self: Grants, grant_id: str, *, generation: int, now: int) -> Any:
        standing = await self.standing(grant_id)
        return await refresh(self, grant_id, generation=standing.grant.generation if standing else generation, now=now)

    patch.setattr(Grants, "refresh", lenient)


@flaw("XD-TOK-01")
def any_audience_will_do(patch: Patch) -> None:
    read = task_token.TaskTokenVerifier._read

    def careless(self: task_token.TaskTokenVerifier, claims: dict[str, Any]) -> Any:
        return read(self, {**claims, "aud": self._audience})

    patch.setattr(task_token.TaskTokenVerifier, "_read", careless)


@flaw("XD-TOK-13")
def an_event_need_not_be_signed(patch: Patch) -> None:
    async def careless(self: SecurityEventReader, token: str) -> dict[str, Any]:
        _, claims, _ = token.split(".")
        return dict(jose.decode_json(jose.b64url_decode(claims)))

    patch.setattr(SecurityEventReader, "_claims", careless)
