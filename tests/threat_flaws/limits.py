"""Flaws of limits: none where one is due, and one that hits whoever is named."""

from typing import Any

from segue_authz.endpoints import device_authorization
from segue_authz.endpoints.sign_in import password, throttle
from segue_authz.grants.refresh_token import RefreshTokenGrant
from segue_authz.grants.request import TokenRequest
from segue_resource.endpoints import events, places
from segue_resource.endpoints.header import Number

from threat_flaws.flaw import Patch, flaw, nothing, nothing_later


@flaw("XD-DOS-01")
def one_network_may_ask_for_ever(patch: Patch) -> None:
    patch.setattr(device_authorization, "check_rate", nothing_later)


@flaw("XD-DOS-02")
def passwords_may_be_tried_for_ever(patch: Patch) -> None:
    async def may_try(*_: Any) -> bool:
        return True

    patch.setattr(password, "may_try", may_try)


@flaw("XD-DOS-03")
def a_device_may_follow_as_often_as_it_likes(patch: Patch) -> None:
    patch.setattr(places, "MOST", 10_000)


@flaw("XD-DOS-03")
def a_place_is_never_free_again(patch: Patch) -> None:
    patch.setattr(places._Place, "__exit__", nothing)


@flaw("XD-DOS-05")
def tries_count_for_the_name_wherever_they_come_from(patch: Patch) -> None:
    patch.setattr(throttle, "network_of", lambda _: "everywhere")


@flaw("XD-DOS-05")
def a_foreign_key_ends_the_family(patch: Patch) -> None:
    check = RefreshTokenGrant._check_holder

    async def hasty(self: RefreshTokenGrant, grant_id: str, generation: int, request: TokenRequest) -> None:
        await check(self, grant_id, generation - 1, request)

    patch.setattr(RefreshTokenGrant, "_check_holder", hasty)


@flaw("XD-DOS-06")
def a_page_may_be_of_any_length(patch: Patch) -> None:
    patch.setattr(events, "LIMIT", Number("limit", default=100, least=1, most=10**9))
