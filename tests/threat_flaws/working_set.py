"""Flaws of what a task carries along."""

from typing import Any

import segue_resource.endpoints.body
from segue import requires
from segue_resource.domain.actor import Actor
from segue_resource.stores import working_set

from threat_flaws.flaw import Patch, flaw, nothing


@flaw("XD-TASK-10")
def credentials_are_stored(patch: Patch) -> None:
    patch.setattr(segue_resource.endpoints.body, "credential_in", nothing)


@flaw("XD-AGT-05")
def a_token_may_do_what_its_device_can(patch: Patch) -> None:
    patch.setattr(requires, "check", _lenient)


@flaw("XD-AGT-05")
def what_is_read_has_no_origin(patch: Patch) -> None:
    latest: list[str] = []

    def whoever(sub: str, client_id: str | None, device_id: str | None) -> Actor:
        latest.append("read")
        return Actor(sub, client_id, f"{device_id}-{len(latest)}")

    patch.setattr(working_set, "Actor", whoever)


def _lenient(place: Any, actions: tuple[str, ...], **_: Any) -> Any:
    place["segue.required"] = frozenset(actions)
    return place["segue"]
