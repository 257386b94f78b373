"""Flaws of agents and tool calls."""

from segue_resource.stores import unit

from threat_flaws.flaw import Patch, flaw


@flaw("XD-AGT-01")
def a_late_result_is_accepted(patch: Patch) -> None:
    patch.setattr(unit, "_TAKE", unit._TAKE_STALE_TOO)
