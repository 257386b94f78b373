"""Which task is ticked when the page opens."""

from segue_authz.pages.views import Approve, Consent

NEW = "new"


def ticked(view: Consent | Approve) -> str:
    """A task id, `new`, or nothing: what was chosen before, or the only thing that can be chosen."""
    if view.chosen:
        return view.chosen
    if not view.tasks:
        return NEW
    return view.tasks[0].task_id if len(view.tasks) == 1 and not view.may_begin else ""
