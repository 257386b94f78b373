"""Every check of a task, in the order in which what they find is mended. A new kind of state adds its own here."""

from collections.abc import Sequence

from segue_resource.stores.scrub import (
    checks_of_the_company,
    checks_of_the_past,
    checks_of_the_records,
    checks_of_the_task,
    checks_of_the_work,
)
from segue_resource.stores.scrub.found import Check

CHECKS: Sequence[Check] = (
    checks_of_the_records.keys,
    checks_of_the_task.task,
    checks_of_the_task.head,
    checks_of_the_task.people,
    checks_of_the_past.origin,
    checks_of_the_past.elisions,
    checks_of_the_past.summaries,
    checks_of_the_past.usage,
    checks_of_the_past.sessions_used,
    checks_of_the_past.index,
    checks_of_the_work.versions,
    checks_of_the_work.items,
    checks_of_the_work.calls,
    checks_of_the_company.sessions,
    checks_of_the_company.handoffs,
    checks_of_the_company.invitations,
    checks_of_the_records.answers,
    checks_of_the_records.chain,
    checks_of_the_records.entries,
)
