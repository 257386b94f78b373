"""Flaws of who takes part."""

from segue_resource.domain.participant import ACTIONS, RIGHTS, Role
from segue_resource.stores import participants, task_store

from threat_flaws.flaw import Patch, flaw, nothing


@flaw("XD-PART-03")
def a_removal_is_answered_and_not_done(patch: Patch) -> None:
    patch.setattr(participants, "remove", nothing)


@flaw("XD-PART-04")
def who_watches_may_act(patch: Patch) -> None:
    patch.setitem(RIGHTS, Role.SUPERVISOR, ACTIONS)


@flaw("XD-PART-04")
def nobody_is_told_who_reads(patch: Patch) -> None:
    patch.setattr(task_store, "state_read", lambda _: "")
