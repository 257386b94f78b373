"""What the task store has numbers for, beside its requests and its database (T22)."""

from collections import Counter
from collections.abc import Iterator, Mapping

from segue.clock import Clock
from segue_storage.catalogue import Catalogue, Counted, Read
from segue_storage.database import Database
from segue_storage.seen import Seen
from segue_storage.watching import Watcher

from segue_resource.stores.finding.stitches import count
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.unit import Happened

_LOST = frozenset({"held", "lost-race"})
_STEP = "tool_call."

PROOF_REFUSALS = ("InvalidDPoPProof", "InvalidToken", "ReplayedProof", "UntimelyProof", "WrongKey")
"""Why the middleware lets nobody in, by the names that `segue` has for it."""
WITHDRAWALS_HEARD = "segue_withdrawals_heard_seconds"
MISSED_STITCHES = "segue_missed_stitches"
DAY, HOUR = 86_400, 3_600


def _of_answer(seen: Seen) -> Iterator[tuple[str, str]]:
    if seen.problem in _LOST and seen.route.endswith("/claim"):
        yield "claim-lost", ""
    if "refused" in seen.members:
        yield "refused", seen.members["refused"]


CATALOGUE = Catalogue(
    service="segue-resource",
    counted=(
        Counted("event", "segue_events", "Events appended to logs, by who wrote them.", "writer"),
        Counted("write", "segue_writes", "Changes of tasks."),
        Counted("commit", "segue_write_commits", "Transactions that the changes of tasks took: some share one."),
        Counted("step", "segue_tool_call_steps", "Changes of tool calls, by what was logged.", "step", ("unknown",)),
        Counted("claim-lost", "segue_tool_call_claims_lost", "Claims that another holder was faster with."),
        Counted("moved", "segue_task_moves", "Tasks moved to another device: epochs raised."),
        Counted("exhausted", "segue_budgets_exhausted", "Budgets that reached their limit."),
        Counted("released", "segue_state_releases", "First releases of state to a token.", "state"),
        Counted(
            "conversation", "segue_conversations", "Conversations, by what began.", "began", ("new_task", "continued")
        ),
        Counted("refused", "segue_proof_refusals", "Tokens and proofs refused.", "reason", PROOF_REFUSALS),
    ),
    read=(
        Read(WITHDRAWALS_HEARD, "Since the authorization server last said what is withdrawn."),
        Read(MISSED_STITCHES, "Tasks of the last day that were begun anew though an open one goes on with them."),
    ),
    of_answer=_of_answer,
)


def of_transaction(happened: Happened) -> Happened:
    """What a transaction has done, as it is counted."""
    counted: Happened = Counter()
    for (what, which), times in happened.items():
        match what:
            case "noted":
                counted["event", "store"] += times
                counted.update(dict.fromkeys(_noted(which), times))
            case "appended":
                counted["event", which] += times
            case _:
                counted[what, which] += times
    return counted


def _noted(kind: str) -> Iterator[tuple[str, str]]:
    if kind.startswith(_STEP):
        yield "step", kind.removeprefix(_STEP)
    elif kind == "task.moved":
        yield "moved", ""
    elif kind == "task.budget_exhausted":
        yield "exhausted", ""


def watch(telemetry: Watcher, *, database: Database, keeper: Keeper, clock: Clock) -> None:
    """What is asked for now and then, as `segue tasks stitches` does."""

    async def missed() -> Mapping[str, float]:
        now = clock()
        found = await database.read(lambda connection: count(connection, keeper=keeper, since=now - DAY, until=now))
        return {MISSED_STITCHES: len(found.missed)}

    telemetry.look(missed, every=HOUR)
