"""What the lab has found, for people (a table) and for programs (JSON)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from segue_threats.relay.adversary import Adversary, Flow
from segue_threats.relay.experiment import Count, Try, count, endings
from segue_threats.staging.person import Model

NOT_THERE = "-"
_NOT_MEASURED = """\
How people are. The three models are rules, each played equally often; nobody here knows how many of your people act
by which. Somebody who never follows such a message is not among them: they would lose nothing anywhere.

How good an adversary is at persuading. The scripts persuade always; what is counted is what happens then.

Requests on the backchannel with a proof that the person has to do with them (a user code of theirs, an ID token).
The adversary knows a user name and the secret of an application, and no more.

What a deployment adds or changes: its own policy values, trusted devices and networks, a locator, filters of mail
and chat. The presets are as they come, with an empty list of trusted networks.

What happens afterwards: a person who ends the access on the page of their devices, or reports it.

Malware on a device in use, and a person who helps the adversary.

Other authorization servers. The plain one was written for this comparison, by RFC 8628 and nothing more.
"""
NOT_MEASURED = tuple(" ".join(each.split()) for each in _NOT_MEASURED.split("\n\n"))
"""Said on every report."""


@dataclass(frozen=True)
class Result:
    """One run. `tries` were made in each cell: of one adversary, one model and one server."""

    made: Sequence[Try]
    adversaries: Sequence[Adversary]
    models: Sequence[Model]
    grounds: Sequence[str]
    tries: int
    seed: int
    at: str
    seconds: float

    @property
    def suite(self) -> str:
        return f"segue-threats {version('segue-threats')}"

    def cell(self, adversary: Adversary, ground: str, model: Model | None = None) -> Count:
        """Over all models, or of one; without tries where the adversary cannot be played."""
        of_model = {} if model is None else {"model": model.slug}
        return count(self.made, adversary=adversary.slug, ground=ground, **of_model)

    def total(self, ground: str, flow: Flow) -> Count:
        """Over the adversaries that go by this flow."""
        counted = {each.slug for each in self.adversaries if each.flow == flow}
        return count([each for each in self.made if each.adversary in counted], ground=ground)

    def stopped(self, adversary: Adversary, ground: str) -> list[tuple[str, int]]:
        """What stopped this adversary there, the most frequent first."""
        return endings(self.made, adversary=adversary.slug, ground=ground)

    def conclusion(self) -> str:
        """The run in a sentence for each flow: a plain server has the first alone."""
        told = [
            ("By attacks that a plain server can be met with as well", self._totals("pull")),
            ("By relaying a code that the victim reads out", self._totals("push")),
            ("By asking on the backchannel again and again", self._totals("backchannel")),
        ]
        return " ".join(f"{how}, the adversary reached its goal in {totals}." for how, totals in told if totals)

    def _totals(self, flow: Flow) -> str:
        totals = [(ground, self.total(ground, flow)) for ground in self.grounds]
        shares = [f"{_share(total)} tries ({ground})" for ground, total in totals if total.tries]
        return " and ".join([", ".join(shares[:-1]), shares[-1]]) if shares[1:] else "".join(shares)

    def table(self) -> str:
        """For the terminal."""
        width = max(
            len(name) for name in [each.name for each in self.adversaries] + [f"  {each.name}" for each in self.models]
        )
        columns = [max(len(ground), 12) for ground in self.grounds]
        lines = ["  ".join([" " * width, *(g.rjust(w) for g, w in zip(self.grounds, columns, strict=True))])]
        for adversary in self.adversaries:
            cells = [_share(self.cell(adversary, ground)) for ground in self.grounds]
            lines.append("  ".join([adversary.name.ljust(width), *_right(cells, columns)]))
            for model in self.models:
                cells = [_share(self.cell(adversary, ground, model)) for ground in self.grounds]
                lines.append("  ".join([f"  {model.name}".ljust(width), *_right(cells, columns)]))
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Every try, by which all else can be counted again."""
        return {
            "suite": self.suite,
            "at": self.at,
            "seconds": round(self.seconds, 1),
            "seed": self.seed,
            "tries_in_each_cell": self.tries,
            "servers": list(self.grounds),
            "adversaries": [
                {"slug": each.slug, "name": each.name, "does": each.does, "threats": list(each.threats)}
                for each in self.adversaries
            ],
            "people": [{"slug": each.slug, "name": each.name, "does": each.does} for each in self.models],
            "cells": [
                {
                    "adversary": adversary.slug,
                    "server": ground,
                    "person": model.slug,
                    "successes": self.cell(adversary, ground, model).successes,
                    "tries": self.cell(adversary, ground, model).tries,
                }
                for adversary in self.adversaries
                for ground in self.grounds
                for model in self.models
            ],
            "not_measured": list(NOT_MEASURED),
            "tries": [asdict(each) for each in self.made],
        }


def _share(found: Count) -> str:
    return f"{found.successes} of {found.tries}" if found.tries else NOT_THERE


def _right(cells: Sequence[str], columns: Sequence[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, columns, strict=True)]
