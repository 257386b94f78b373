"""Flaws of what is asked for in detail."""

from typing import Any

from segue import authority, requires
from segue_authz.endpoints import transfer

from threat_flaws.flaw import Patch, flaw


@flaw("XD-RAR-01")
def members_that_nobody_knows_are_passed_over(patch: Patch) -> None:
    read = authority._only_task

    def lenient(details: Any, *, members: Any) -> dict[str, Any]:
        known = [{name: each[name] for name in each if name in members} for each in details]
        return read(known, members=members)

    patch.setattr(authority, "_only_task", lenient)


@flaw("XD-RAR-04")
def the_first_of_several_entries_is_taken(patch: Patch) -> None:
    read = authority._only_task
    patch.setattr(authority, "_only_task", lambda details, *, members: read(details[:1], members=members))


@flaw("XD-RAR-05")
def a_token_opens_whatever_it_is_shown_at(patch: Patch) -> None:
    check = requires.check

    def careless(place: Any, actions: tuple[str, ...], *, task: str | None, arguments: Any) -> Any:
        return check(place, actions, task=None, arguments=arguments)

    patch.setattr(requires, "check", careless)


@flaw("XD-RAR-06")
def what_is_passed_on_is_all_there_is(patch: Patch) -> None:
    patch.setattr(transfer, "_passed_on", lambda _, passable: passable)
