"""Flaws of the suite itself."""

from segue_threats import runner
from segue_threats.evidence import Pace
from segue_threats.redaction import Redactor

from threat_flaws.flaw import Patch, flaw, nothing, nothing_later


@flaw("XD-OPS-04", "damage is done unasked")
def whatever_there_is_is_tried(patch: Patch) -> None:
    patch.setattr(runner, "_left_out", nothing)


@flaw("XD-OPS-04", "the report opens something")
def secrets_are_not_marked(patch: Patch) -> None:
    patch.setattr(Redactor, "mark", lambda _, __, value: value)


@flaw("XD-OPS-04", "a server is flooded")
def nobody_waits(patch: Patch) -> None:
    patch.setattr(Pace, "turn", nothing_later)


@flaw("XD-OPS-04", "a server that answers nothing passes")
def what_was_refused_has_held(patch: Patch) -> None:
    fought = runner._ended

    async def hopeful(*asked: object) -> object:
        ending, reason, *rest = await fought(*asked)  # type: ignore[arg-type]
        return (runner.Ending.HELD if ending is runner.Ending.SKIPPED else ending, reason, *rest)

    patch.setattr(runner, "_ended", hopeful)
