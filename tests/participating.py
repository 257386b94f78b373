"""Taking part in the task of `resource_world`: an invitation, and the answer that the authorization server brings."""

from typing import Any

import httpx2
from resource_world import Device, StoreWorld


async def invite(host: Device, role: str = "human_agent", **content: Any) -> dict[str, Any]:
    """A new invitation, with its code."""
    answer = await host.post("/invitations", {"role": role, **content})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def answered(store: StoreWorld, sub: str, verb: str, code: str) -> httpx2.Response:
    """What the authorization server asks for a person who has the code."""
    headers = {"Authorization": f"Bearer {store.service_token(sub)}"}
    return await store.http.post(f"/invitations/{verb}", headers=headers, json={"code": code})


async def join(store: StoreWorld, role: str = "human_agent", *, sub: str = "usr_other") -> Device:
    """Somebody else takes part, invited by the customer; a device of theirs."""
    code = (await invite(store.device(), role))["code"]
    answer = await answered(store, sub, "accept", code)
    assert answer.status_code == 200, answer.text
    return store.device(sub=sub)


def offer(mode: str = "warm", to_role: str = "human_agent", **members: Any) -> dict[str, Any]:
    return {"mode": mode, "to_role": to_role, "reason": "The customer asks for a person.", **members}


async def handed_over(store: StoreWorld, mode: str, host: Device, guest: Device) -> str:
    """The id of a hand-off that the guest has accepted."""
    offered = await host.post("/handoffs", offer(mode))
    assert offered.status_code == 201, offered.text
    handoff_id = str(offered.json()["handoff_id"])
    accepted = await guest.post(f"/handoffs/{handoff_id}/accept")
    assert accepted.status_code == 200, accepted.text
    return handoff_id


async def audit(device: Device) -> list[dict[str, Any]]:
    """All entries of the task's audit."""
    entries: list[dict[str, Any]] = []
    while True:
        page = await device.read(f"/audit?after={len(entries)}")
        entries += page["entries"]
        if len(entries) == page["size"]:
            return entries
