"""What a person decides by, as one digest: a decision counts only for what was on the page (XD-CONS-04, XD-PULL-12)."""

import hashlib
import json

from segue_authz.pages.views import Approve, Confirm, Invitation


def shown(view: Confirm | Approve | Invitation) -> str:
    """The digest of everything that decides; its form carries it, and the endpoint computes it anew.

    Left out is what may change without changing the decision: times, tries, the state of the work, the order of tasks.
    """
    if isinstance(view, Invitation):
        return _digest([view.task_name, view.inviter_name, view.role, sorted(view.actions)])
    asker = [view.transfer_id, sorted(view.actions), view.client_name, view.device_name, view.place, view.network]
    decided = _offered(view) if isinstance(view, Confirm) else [view.binding_message, *_choices(view)]
    return _digest([asker, decided])


def _digest(decided: list[object]) -> str:
    return hashlib.sha256(json.dumps(decided).encode()).hexdigest()


def _offered(view: Confirm) -> list[str | None]:
    return [view.task_name, view.owner_name, view.mode]


def _choices(view: Approve) -> list[object]:
    return [view.may_begin, sorted([task.task_id, task.name, task.role, *task.actions] for task in view.tasks)]
