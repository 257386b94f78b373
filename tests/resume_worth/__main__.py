"""`python -m resume_worth` in `tests/`: what resuming a task is worth, as a table of right answers.

Runs against the task store on SQLite in this process. The figures stand in `specs/evidence/resume.md`.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from resource_world import open_store_world

from resume_worth import memory
from resume_worth.corpus import tasks
from resume_worth.scored import scores, table

BUDGETS = (150, 300, 1200)


async def run(budgets: tuple[int, ...]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/resource.db"
        async with open_store_world(Path(folder), database_url=database, ephemeral_url=None) as world:
            return table(await scores(world, list(tasks()), budgets))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m resume_worth", description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=BUDGETS, help="budgets of the reader's context")
    options = parser.parse_args()
    lengths = [sum(memory.tokens(text) for session in task.sessions for _, text in session.turns) for task in tasks()]
    print(f"{len(lengths)} tasks; what was said in one has {min(lengths)} to {max(lengths)} tokens\n")
    print(asyncio.run(run(tuple(options.tokens))))


if __name__ == "__main__":
    main()
