"""Runs attacks one after the other, each in a lab of its own, and says how they ended."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import httpx2

from segue_threats.attack import MISSING_FROM_THE_CONFIGURATION, Attack, Broken, DoesNotApply, Need, PreconditionFailed
from segue_threats.catalogue import Catalogue, Threat
from segue_threats.chromium import Chromium, NoBrowser
from segue_threats.evidence import Pace, Trail
from segue_threats.lab import Lab, Visitor, open_lab
from segue_threats.network import Transport
from segue_threats.outcome import Ending, Outcome, Verdict
from segue_threats.redaction import Redactor
from segue_threats.target import Configuration, Target

UNTRIED = NoBrowser("it needs a browser, and this run has none", counts=True)
PATIENCE = 120
"""Seconds one attack may take."""


@dataclass(frozen=True)
class Selection:
    """Which threats are of interest; an empty set means all. `destructive`: also attacks that may leave damage."""

    ids: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    destructive: bool = False

    def takes(self, threat: Threat) -> bool:
        chosen = (self.ids, threat.id), (self.groups, threat.group), (self.severities, threat.severity)
        return all(not wanted or value in wanted for wanted, value in chosen)


def visitors_of(configuration: Configuration) -> deque[Visitor]:
    """The test people, none of them signed in yet."""
    return deque(Visitor(person, httpx2.Cookies()) for person in configuration.people)


async def run(
    target: Target,
    catalogue: Catalogue,
    attacks: Sequence[Attack],
    selection: Selection,
    *,
    visitors: deque[Visitor],
    rate: float,
    transport: Transport,
    tell: Callable[[Outcome], None],
    chromium: Chromium | NoBrowser = UNTRIED,
) -> list[Verdict]:
    """A verdict on every threat of the catalogue, in its order; `tell` hears of each attack as it ends."""
    pace, offers = Pace(rate), target.offers()
    verdicts = []
    for threat in catalogue.threats:
        outcomes = []
        if selection.takes(threat):
            for attack in (each for each in attacks if each.threat == threat.id):
                _next(visitors)
                outcome = _left_out(attack, offers, selection, chromium) or await _fought(
                    attack,
                    target,
                    visitors=[each for each in visitors if not each.spent],
                    pace=pace,
                    transport=transport,
                    chromium=chromium,
                )
                tell(outcome)
                outcomes.append(outcome)
        verdicts.append(Verdict(threat, tuple(outcomes), selection.takes(threat)))
    return verdicts


def _next(visitors: deque[Visitor]) -> None:
    """Servers count tries per person, so attacks take turns with those who have some left."""
    for _ in range(len(visitors)):
        visitors.rotate(1)
        if visitors and not visitors[0].spent:
            return


def _left_out(
    attack: Attack, offers: frozenset[Need], selection: Selection, chromium: Chromium | NoBrowser
) -> Outcome | None:
    missing = sorted(attack.needs - offers - {Need.BROWSER})
    if missing:
        counts = any(need in MISSING_FROM_THE_CONFIGURATION for need in missing)
        reason = f"there is no {' and no '.join(missing)}"
    elif attack.destructive and not selection.destructive:
        counts, reason = False, "it may leave damage behind, and --destructive was not given"
    elif Need.BROWSER in attack.needs and isinstance(chromium, NoBrowser):
        counts, reason = chromium.counts, chromium.reason
    else:
        return None
    return Outcome(attack, Ending.SKIPPED, reason, counts, 0, ())


async def _fought(
    attack: Attack,
    target: Target,
    *,
    visitors: Sequence[Visitor],
    pace: Pace,
    transport: Transport,
    chromium: Chromium | NoBrowser,
) -> Outcome:
    trail = Trail(Redactor())
    begin = time.monotonic()
    lab = open_lab(target, trail, pace, visitors=visitors, transport=transport, chromium=chromium)
    ending, reason, counts = await _ended(attack, lab)
    if ending is not Ending.HELD:
        trail.finding(reason)
    seconds = time.monotonic() - begin
    return Outcome(attack, ending, trail.redactor.sweep(reason), counts, seconds, trail.told())


async def _ended(attack: Attack, opening: AbstractAsyncContextManager[Lab]) -> tuple[Ending, str, bool]:
    """What cannot be done is a skip that counts, never a defence that held."""
    try:
        async with asyncio.timeout(PATIENCE), opening as lab:
            await attack.run(lab)
            if not (lab.proved and lab.demanded):
                raise PreconditionFailed("the attack has shown neither that the honest path works nor what it demands")
    except Broken as broken:
        return Ending.BROKEN, str(broken), False
    except DoesNotApply as kind:
        return Ending.SKIPPED, f"it does not apply: {kind}", False
    except PreconditionFailed as failed:
        return Ending.SKIPPED, f"the honest path does not work: {failed}", True
    except TimeoutError:
        return Ending.SKIPPED, f"it took longer than {PATIENCE} seconds", True
    except Exception as failure:  # an answer that nobody foresaw must not end the run
        return Ending.SKIPPED, f"it could not be done: {type(failure).__name__}: {failure}", True
    return Ending.HELD, "refused, and the honest path still works", False
