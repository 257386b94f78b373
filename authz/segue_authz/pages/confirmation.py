"""The facts of a transfer as the confirm page lays them out, and whether there are enough of them to approve."""

from dataclasses import dataclass

from segue_authz.pages import outcome
from segue_authz.pages.action import Allowed, in_words
from segue_authz.pages.names import PLACE, DisplayName, display_name
from segue_authz.pages.views import Confirm

_SHORT = 32
_FINAL = {"redeemed", "denied", "cancelled", "expired"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the template prints. `complete`: approving may be offered; `watched`: the state may still change."""

    title: str
    lead: str
    task: DisplayName | None
    owner: DisplayName
    mode: tuple[str, str]
    actions: tuple[Allowed, ...]
    running: str
    contest: str
    client: DisplayName | None
    device: DisplayName | None
    place: DisplayName | None
    complete: bool
    watched: bool


def facts(view: Confirm) -> Facts:
    """Everything the page says about `view`. KeyError for a mode, state or action that has no words."""
    task = None if view.task_name is None else display_name(view.task_name)
    owner = display_name(view.owner_name, limit=_SHORT)
    client = None if view.client_name is None else display_name(view.client_name, limit=_SHORT)
    device = display_name(view.device_name, limit=_SHORT) if view.device_name and view.device_name.strip() else None
    required = (task and task.text, owner.text, client and client.text, view.network, view.claimed_at, view.actions)
    return Facts(
        title=outcome.title(view),
        lead=outcome.lead(view),
        task=task,
        owner=owner,
        mode=outcome.mode(view),
        actions=in_words(view.actions),
        running=outcome.running(view),
        contest=outcome.contest(view),
        client=client,
        device=device,
        place=display_name(view.place, limit=PLACE) if view.place else None,
        complete=view.state == "claimed" and all(required),
        watched=view.state not in _FINAL,
    )
