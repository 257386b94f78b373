"""Plays each adversary against each model of a person, so many times, at each server, with the same dice everywhere."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from segue_threats.relay.adversary import Adversary
from segue_threats.relay.ground import Ground
from segue_threats.relay.stage import Stage
from segue_threats.staging.person import Model, Stopped

GOT_IT = "the adversary has what it wanted"


@dataclass(frozen=True)
class Try:
    """`seed` repeats it; `ended` says what stopped it."""

    adversary: str
    model: str
    ground: str
    seed: str
    succeeded: bool
    ended: str


@dataclass(frozen=True)
class Count:
    """Successes out of tries."""

    successes: int
    tries: int

    @property
    def rate(self) -> float:
        return self.successes / self.tries if self.tries else 0.0


async def play(
    grounds: Sequence[Ground],
    adversaries: Sequence[Adversary],
    models: Sequence[Model],
    *,
    tries: int,
    seed: int,
    tell: Callable[[Try], None] = lambda _: None,
) -> list[Try]:
    """All tries in order; the honest path is walked before (`grounds`) and after. Raises `PreconditionFailed`."""
    made = []
    for ground in grounds:
        for adversary in (each for each in adversaries if each.flow == "pull" or not ground.plain):
            for model in models:
                for number in range(tries):
                    done = await _tried(ground, adversary, model, f"{seed}/{adversary.slug}/{model.slug}/{number}")
                    tell(done)
                    made.append(done)
        await ground.honest_path()
    return made


async def _tried(ground: Ground, adversary: Adversary, model: Model, seed: str) -> Try:
    dice, guesses = Random(seed), Random(f"{seed}/guess")  # noqa: S311  # no secret: a seed is to repeat a try
    succeeded, ended = True, GOT_IT
    try:
        await adversary.play(Stage(ground, model, dice, guesses))
    except Stopped as stopped:
        succeeded, ended = False, str(stopped)
    ground.clock.turn(adversary.forgotten)
    return Try(adversary.slug, model.slug, ground.name, seed, succeeded, ended)


def count(made: Sequence[Try], **where: str) -> Count:
    """Of the tries with these members."""
    counted = [each for each in made if all(getattr(each, name) == value for name, value in where.items())]
    return Count(sum(each.succeeded for each in counted), len(counted))


def endings(made: Sequence[Try], **where: str) -> list[tuple[str, int]]:
    """What stopped them, the most frequent first."""
    stopped = [
        each.ended
        for each in made
        if not each.succeeded and all(getattr(each, name) == value for name, value in where.items())
    ]
    return Counter(stopped).most_common()
