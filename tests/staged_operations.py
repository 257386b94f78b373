"""Sets the scene for each operation of the task store, so that a request for it can succeed."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from filing import begin, digest, put
from participating import answered, invite, offer
from resource_world import Device, StoreWorld, item
from segue_resource.domain.tool_call import CLOCKS_DIFFER

LEASE = 1


@dataclass
class Scene:
    """Who asks, and what is there for the asking: ids in the address, members of the body, header fields."""

    device: Device
    path: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    sub: str = ""
    """Of the person for whom the authorization server asks."""


Stage = Callable[[StoreWorld, Scene], Awaitable[None]]


async def set_scene(world: StoreWorld, operation_id: str) -> Scene:
    """A new task of the owner, and in it what the operation is about."""
    task_id = f"tsk_{secrets.token_hex(8)}"
    await world.begin(task_id)
    device = world.device(task_id=task_id)
    scene = Scene(device, {"task_id": task_id}, sub=str(device.claims["sub"]))
    stage = STAGES.get(operation_id)
    if stage is not None:
        await stage(world, scene)
    return scene


async def _working_set(_: StoreWorld, scene: Scene) -> None:
    scene.path["item_id"] = "clause"
    answer = await scene.device.put("clause", item())
    assert answer.status_code == 201, answer.text
    scene.headers = {"If-Match": '"1"'}


async def _artifact(_: StoreWorld, scene: Scene) -> None:
    scene.path["path"] = "clause.txt"
    answer = await put(scene.device, "clause.txt", b"7. Liability")
    assert answer.status_code == 201, answer.text
    scene.headers = {"If-Match": '"1"', "Range": "bytes=0-1"}


async def _written_artifact(world: StoreWorld, scene: Scene) -> None:
    await _artifact(world, scene)
    scene.headers |= dict.fromkeys(("Repr-Digest", "Content-Digest"), digest(b"another content"))


async def _upload(_: StoreWorld, scene: Scene) -> None:
    upload = await begin(scene.device, "clause.txt", b"7.")
    scene.path["upload_id"] = upload.rpartition("/")[2]
    scene.headers = {"Upload-Offset": "2"}


def _call(*verbs: str, effect: str = "reconcilable") -> Stage:
    """A tool call after these steps."""

    async def stage(_: StoreWorld, scene: Scene) -> None:
        call_id = scene.path["call_id"] = await scene.device.propose(effect)
        for verb in verbs:
            answer = await scene.device.step(call_id, verb, **scene.body)
            assert answer.status_code == 200, answer.text
            if verb == "claim":
                scene.body = {"fence": answer.json()["fence"]}

    return stage


async def _lost_call(world: StoreWorld, scene: Scene) -> None:
    """Its holder cannot be at it any more, and nobody knows what happened."""
    call_id, _ = await scene.device.running("reconcilable", lease=LEASE)
    await world.later(LEASE)
    await world.device(task_id=scene.path["task_id"]).step(call_id, "claim")  # notices that its holder is gone
    await world.later(CLOCKS_DIFFER)
    scene.device.refresh()
    scene.path["call_id"] = call_id
    scene.body = {"attempt": 1}


async def _probed_call(world: StoreWorld, scene: Scene) -> None:
    await _lost_call(world, scene)
    answer = await scene.device.step(scene.path["call_id"], "probe")
    assert answer.status_code == 200, answer.text
    scene.body = {"fence": answer.json()["fence"]}


async def _draft(_: StoreWorld, scene: Scene) -> None:
    answer = await scene.device.post("/drafts", {"role": "agent"})
    scene.path["draft_id"] = answer.json()["draft_id"]
    scene.body = {"offset": 0}


async def _spending(world: StoreWorld, scene: Scene) -> None:
    await _session(world, scene)
    scene.body["call_id"] = await scene.device.propose()


async def _session(_: StoreWorld, scene: Scene) -> None:
    answer = await scene.device.post("/sessions", {"name": "Desktop", "transport": "web", "connection_id": "con_1"})
    assert answer.status_code == 201, answer.text
    scene.path["session_id"] = scene.body["session_id"] = answer.json()["session_id"]


async def _proposed_name(_: StoreWorld, scene: Scene) -> None:
    answer = await scene.device.post("/name-proposals", {"name": "Acme contract"})
    assert answer.status_code == 201, answer.text
    scene.path["seq"] = str(answer.json()["seq"])


async def _invitation(_: StoreWorld, scene: Scene) -> None:
    invited = await invite(scene.device)
    scene.path["invitation_id"], scene.body = invited["invitation_id"], {"code": invited["code"]}
    scene.sub = "usr_other"


async def _guest(world: StoreWorld, scene: Scene) -> Device:
    code = (await invite(scene.device))["code"]
    answer = await answered(world, "usr_other", "accept", code)
    assert answer.status_code == 200, answer.text
    scene.path["sub"] = "usr_other"
    return world.device(sub="usr_other", task_id=scene.path["task_id"])


async def _removable(world: StoreWorld, scene: Scene) -> None:
    await _guest(world, scene)


async def _as_guest(world: StoreWorld, scene: Scene) -> None:
    scene.device = await _guest(world, scene)


async def _to_hand_over(_: StoreWorld, scene: Scene) -> None:
    scene.body = {"to_role": "human_agent"}


async def _new_task(_: StoreWorld, scene: Scene) -> None:
    scene.path["task_id"] = f"tsk_{secrets.token_hex(8)}"


async def _offered(world: StoreWorld, scene: Scene) -> None:
    """A hand-off to the guest."""
    await _guest(world, scene)
    answer = await scene.device.post("/handoffs", offer())
    assert answer.status_code == 201, answer.text
    scene.path["handoff_id"] = answer.json()["handoff_id"]


async def _offered_to_me(world: StoreWorld, scene: Scene) -> None:
    await _offered(world, scene)
    scene.device = world.device(sub="usr_other", task_id=scene.path["task_id"])


async def _accepted_by_me(world: StoreWorld, scene: Scene) -> None:
    await _offered_to_me(world, scene)
    answer = await scene.device.post(f"/handoffs/{scene.path['handoff_id']}/accept")
    assert answer.status_code == 200, answer.text


async def _erased(_: StoreWorld, scene: Scene) -> None:
    answer = await scene.device.post("/erasures", {"what": "own"})
    assert answer.status_code == 202, answer.text
    scene.path["erasure_id"] = answer.json()["erasure_id"]


def _said(**body: Any) -> Stage:
    """One event has been said; the request is about it."""

    async def stage(_: StoreWorld, scene: Scene) -> None:
        assert (await scene.device.say("one")).status_code == 201
        scene.body = body

    return stage


STAGES: dict[str, Stage] = {
    "task_cards.as.create": _new_task,
    **dict.fromkeys(("tool_calls.show_call", "tool_calls.list_calls"), _call()),
    **dict.fromkeys(("tool_calls.approve", "tool_calls.deny", "tool_calls.cancel"), _call()),
    "tool_calls.claim": _call("approve"),
    "tool_calls.start": _call("approve", "claim"),
    **dict.fromkeys(
        ("tool_calls.heartbeat", "tool_calls.complete", "tool_calls.fail"), _call("approve", "claim", "start")
    ),
    **dict.fromkeys(("tool_calls.probe", "tool_calls.settle"), _lost_call),
    "tool_calls.reconcile": _probed_call,
    "usage.report": _spending,
    **dict.fromkeys((f"working_set.{name}" for name in ("show_item", "put", "patch", "delete")), _working_set),
    **dict.fromkeys((f"working_set.{name}" for name in ("list_items", "list_versions")), _working_set),
    **dict.fromkeys((f"artifacts.{name}" for name in ("list_artifacts", "list_versions", "read", "delete")), _artifact),
    "artifacts.put": _written_artifact,
    **dict.fromkeys(("uploads.show", "uploads.append", "uploads.cancel"), _upload),
    **dict.fromkeys(("drafts.append", "drafts.interrupt", "drafts.read"), _draft),
    **dict.fromkeys(("sessions.end", "sessions.list_sessions", "presence.put", "events.append"), _session),
    "names.decline": _proposed_name,
    **dict.fromkeys(("invitations.withdraw", "invitations.list_invitations"), _invitation),
    **dict.fromkeys((f"invitations.as.{name}" for name in ("show", "accept", "decline")), _invitation),
    **dict.fromkeys(("participants.remove", "participants.list_participants"), _removable),
    "participants.leave": _as_guest,
    "erasures.show_erasure": _erased,
    "compactions.compact": _said(from_seq=1, to_seq=2, facts=[]),
    "forks.fork": _said(at=2),
    "history.correct": _said(seq=2, body={"text": "another"}, withdraw=False),
    "history.revert": _said(to=1, head=2),
    "handoffs.offer": _to_hand_over,
    **dict.fromkeys(("handoffs.list_handoffs", "handoffs.show_handoff", "handoffs.cancel"), _offered),
    **dict.fromkeys(("handoffs.accept", "handoffs.decline"), _offered_to_me),
    "handoffs.give_back": _accepted_by_me,
}
"""What the others need is the task itself."""
