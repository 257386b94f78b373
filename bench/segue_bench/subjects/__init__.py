"""What can be measured, one module a subject, each with `run(plan, say) -> Result`. In the order in which all run."""

from dataclasses import replace
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from segue_bench.measure import Plan, Result, Say


class Measured(Protocol):
    """A subject's module."""

    def run(self, plan: Plan, say: Say) -> Result:
        """Measure it. Raises `Missing` where nothing of it can be."""
        ...


class Subject(NamedTuple):
    """One line about it, for people who choose; its module is only loaded to run."""

    name: str
    about: str
    module: str

    def run(self, plan: Plan, say: Say) -> Result:
        """Measure it. Raises `Missing`."""
        return self.found(cast(Measured, import_module(self.module)).run(plan, say))

    def found(self, result: Result) -> Result:
        """The result with the subject's name and line."""
        return replace(result, subject=self.name, about=self.about)


SUBJECTS = (
    Subject(
        "middleware",
        "one request through TaskTokenMiddleware, beside bare ES256 and five libraries",
        "segue_bench.subjects.middleware",
    ),
    Subject(
        "store-peers",
        "one turn made durable, beside a raw commit, OpenAI Agents, Google ADK and LangGraph",
        "segue_bench.subjects.store_peers",
    ),
    Subject(
        "adapters",
        "one turn of an agent, in a task by its framework's adapter, beside the framework's own store",
        "segue_bench.subjects.adapters",
    ),
    Subject(
        "authz",
        "a device's requests to authz on one core, beside oidc-provider on one core",
        "segue_bench.subjects.authz",
    ),
    Subject(
        "append",
        "64 writers at once, beside a commit for each event, on SQLite and PostgreSQL",
        "segue_bench.subjects.append",
    ),
    Subject("growth", "append and resume, in long tasks and large stores", "segue_bench.subjects.growth"),
    Subject("live", "from an append to 1,000 readers, on PostgreSQL and Redis", "segue_bench.subjects.live"),
    Subject(
        "transfer", "claim, decide, redeem and first resume, on PostgreSQL and Redis", "segue_bench.subjects.transfer"
    ),
    Subject("sustained", "the load that both servers bear on this machine", "segue_bench.subjects.sustained"),
)
