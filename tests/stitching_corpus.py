"""The corpus of specs/stitching, and what a ranking makes of it.

`python tests/stitching_corpus.py` prints the table of specs/evidence/stitching.md: the ranking beside two simpler ones.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segue_resource.domain.stitching import OpenTask, match, telling

NOW = 1_800_000_000
_CORPUS = Path(__file__).parents[1] / "specs" / "stitching"

Ranking = Callable[[str, Sequence[OpenTask]], str | None]
"""The id of the task that it claims to be continued."""


@dataclass(frozen=True)
class Beginning:
    """A session that begins with `text` beside the open `tasks`; `continues` is empty where it continues none."""

    text: str
    kind: str
    continues: str
    tasks: tuple[OpenTask, ...]


@dataclass(frozen=True)
class Figures:
    """`right` and `wrong` claims, and continuations that were `missed`."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)


def beginnings(part: str) -> list[Beginning]:
    """Those of a part: `tuning` or `held_out`."""
    corpus = tomllib.loads((_CORPUS / f"{part}.toml").read_text())
    tasks: dict[str, tuple[OpenTask, ...]] = {}
    for task in corpus["task"]:
        texts = telling(task["name"], [(item[1], item[2]) for item in task["items"]], reversed(task["said"]))
        known = tasks.get(task["person"], ())
        tasks[task["person"]] = (*known, OpenTask(task["id"], texts, NOW - 60 * task["ago"]))
    return [
        Beginning(found["text"], found["kind"], found["continues"], tasks[found["person"]])
        for found in corpus["session"]
    ]


def figures(found: Sequence[Beginning], ranking: Ranking) -> Figures:
    claims = [(one.continues, ranking(one.text, one.tasks)) for one in found]
    right = sum(claim == truth for truth, claim in claims if claim)
    return Figures(
        right,
        wrong=sum(claim != truth for truth, claim in claims if claim),
        missed=sum(claim != truth for truth, claim in claims if truth),
    )


def ours(text: str, tasks: Sequence[OpenTask]) -> str | None:
    return next((one.task_id for one in match(text, tasks, now=NOW) if one.likely), None)


def newest(_: str, tasks: Sequence[OpenTask]) -> str | None:
    """Recency alone."""
    return max(tasks, key=lambda task: task.last_at).task_id


def cosine(least: float) -> Ranking:
    """The cosine of bags of words, claimed from a threshold on."""

    def ranking(text: str, tasks: Sequence[OpenTask]) -> str | None:
        scored = [(_cosine(_bag(text), _bag(" ".join(task.texts))), task.task_id) for task in tasks]
        best, task_id = max(scored)
        return task_id if best >= least else None

    return ranking


def _bag(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(count * other[word] for word, count in one.items())
    return shared / (math.hypot(*one.values()) * math.hypot(*other.values())) if shared else 0.0


def best_cosine(found: Sequence[Beginning]) -> float:
    """The threshold with the best F1: none of them reaches a precision of 0.95 with a recall worth the name."""

    def f1(least: float) -> float:
        its = figures(found, cosine(least))
        return 2 * its.precision * its.recall / max(1e-9, its.precision + its.recall)

    return max((step / 100 for step in range(1, 80)), key=f1)


def main() -> None:
    tuning = beginnings("tuning")
    bag = best_cosine(tuning)
    rankings = {"ours": ours, f"cosine of bags of words, from {bag:.2f}": cosine(bag), "newest task": newest}
    print("| part | ranking | precision | recall | right | wrong | missed |\n|---|---|---|---|---|---|---|")
    for part in ("tuning", "held_out"):
        for name, ranking in rankings.items():
            its = figures(beginnings(part), ranking)
            counts = f"{its.right} | {its.wrong} | {its.missed}"
            print(f"| {part} | {name} | {its.precision:.3f} | {its.recall:.3f} | {counts} |")
    print("\n| held out, kind | beginnings | right or rightly nothing |\n|---|---|---|")
    held = beginnings("held_out")
    for kind in sorted({one.kind for one in held}):
        its_kind = [one for one in held if one.kind == kind]
        good = sum((ours(one.text, one.tasks) or "") == one.continues for one in its_kind)
        print(f"| {kind} | {len(its_kind)} | {good} |")


if __name__ == "__main__":
    main()
