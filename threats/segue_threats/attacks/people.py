"""XD-PART-03, XD-PART-04: who has left and goes on, and who watches without being seen.

specs/protocol.md section 8.1. Expected: a role is looked up when it is used, joining is seen, and nobody signs for
another.
"""

import asyncio

import httpx2

from segue_threats.attack import Broken, Need, PreconditionFailed, attack
from segue_threats.device import members_of
from segue_threats.flows import details
from segue_threats.grant import Grant
from segue_threats.lab import Lab

SAY = {"events": [{"kind": "message", "role": "human_agent", "body": {"text": "hello"}}]}
CALL = {"tool": "look_up", "title": "Look it up", "arguments": {}, "effect": "idempotent"}
NOT_THERE = {401, 403, 404}
BOUND = 20.0
"""Seconds within which a stream ends whose reader was removed."""


async def joined(lab: Lab, owner: Grant, role: str) -> Grant:
    """Somebody else takes part, at a device of their own. Raises `PreconditionFailed`."""
    invited = members_of(lab.works(await owner.at("POST", "/invitations", json={"role": role}), "inviting"))
    browser, device = lab.pages(1).browser, lab.desktop()
    await browser.answer_invitation(str(invited["invitation_uri"]))
    asked = details([{"type": "task", "task_id": owner.task_id, "actions": owner.details["actions"]}])
    request = lab.authorization(device, authorization_details=asked)
    back = await browser.authorize(request.url, redirect_uri=device.client.redirect_uri, task=owner.task_id)
    if "code" not in back:
        raise PreconditionFailed(f"who was invited gets no code: {back.get('error', 'nothing')}")
    return Grant.of(device, await lab.exchange(device, request, back["code"]))


async def _subject(owner: Grant, role: str) -> str:
    people = members_of(await owner.at("GET", "/participants"))["participants"]
    return str(next(each["sub"] for each in people if each["role"] == role and each["to_seq"] is None))


@attack("XD-PART-03", Need.CODE, Need.PEOPLE, Need.PAGES, Need.TASK_STORE)
async def who_was_removed_goes_on(lab: Lab) -> None:
    """Take part, claim a tool call, follow the log; be removed, and read, write, finish the call and refresh."""
    owner = await lab.begin()
    guest = await joined(lab, owner, "human_agent")
    lab.works(await guest.at("GET", "/events"), "the guest's read")
    lab.works(await guest.at("POST", "/events", json=SAY), "the guest's write")
    call_id = members_of(lab.works(await guest.at("POST", "/tool-calls", json=CALL), "proposing a call"))["call_id"]
    path = f"/tool-calls/{call_id}"
    await owner.at("POST", f"{path}/approve", json={})
    fence = members_of(lab.works(await guest.at("POST", f"{path}/claim", json={"lease": 60}), "the claim"))["fence"]
    lab.works(await guest.at("POST", f"{path}/start", json={"fence": fence}), "the start")
    sub, begun = await _subject(owner, "human_agent"), asyncio.Event()
    stream = asyncio.create_task(_followed(guest, begun))
    async with asyncio.timeout(BOUND):
        await begun.wait()
    lab.works(await owner.at("DELETE", f"/participants/{sub}"), "removing the guest")
    head = members_of(await owner.at("GET", "/events?limit=1"))["head"]
    late = {"fence": fence, "result": {"found": "something"}}
    again = await guest.refresh()
    tokens = {guest.access_token, str(members_of(again).get("access_token") or guest.access_token)}
    for token in sorted(tokens):
        for route in ("", "/events", "/working-set", "/participants", "/resume", path):
            lab.refuses(await guest.at("GET", route, token=token), f"reading {route or 'the task'}", statuses=NOT_THERE)
        lab.refuses(await guest.at("POST", "/events", json=SAY, token=token), "writing", statuses=NOT_THERE)
        answer = await guest.at("POST", f"{path}/complete", json=late, token=token)
        lab.refuses(answer, "the late result", statuses=NOT_THERE)
    lab.holds(await stream, "the log can still be followed")
    after = members_of(lab.works(await owner.at("GET", path), "the owner's look"))
    lab.holds(after.get("result") is None, "the late result was applied")
    now = members_of(await owner.at("GET", "/events?limit=1"))["head"]
    lab.holds(now == head, "something was written after the removal")
    lab.still_works(await owner.at("GET", "/events"), "the owner's read")


async def _followed(guest: Grant, begun: asyncio.Event) -> bool:
    """Whether the stream, once it has begun, ends by itself."""
    address, device = guest.address + "/events", guest.device
    proof = device.proof("GET", address, token=guest.access_token)
    sent = {"Accept": "text/event-stream", "DPoP": proof, "Authorization": f"DPoP {guest.access_token}"}
    try:
        async with asyncio.timeout(BOUND), device.http.stream("GET", address, headers=sent) as answer:
            async for _ in answer.aiter_bytes():
                begun.set()
    except TimeoutError:
        return False
    except httpx2.HTTPError as failed:
        raise Broken(f"the stream breaks off: {failed}") from failed
    return True


@attack("XD-PART-04", Need.CODE, Need.PEOPLE, Need.PAGES, Need.TASK_STORE)
async def a_supervisor_watches_unseen(lab: Lab) -> None:
    """Join as a supervisor, read everything, and look for it in what the owner is shown; then act in other names."""
    owner = await lab.begin()
    lab.works(await owner.at("POST", "/events", json=_spoken("customer")), "the owner's message")
    supervisor = await joined(lab, owner, "supervisor")
    sub = await _subject(owner, "supervisor")
    for route in ("/events", "/resume", "/working-set"):
        lab.works(await supervisor.at("GET", route), f"the supervisor's {route}")
    log = members_of(await owner.at("GET", "/events"))["events"]
    told = [each for each in log if each["kind"] == "participant.joined" and each["body"].get("sub") == sub]
    lab.holds(told, "the owner's log does not say that a supervisor has joined")
    entries = members_of(lab.works(await owner.at("GET", "/audit"), "the audit"))["entries"]
    read = {str(each["about"]) for each in entries if each["sub"] == sub and each["kind"] == "state.released"}
    for what in ("events", "resume", "working_set"):
        lab.holds(any(what in about for about in read), f"the audit does not say that the supervisor has read {what}")
    call = {**CALL, "effect": "irreversible"}
    call_id = members_of(await owner.at("POST", "/tool-calls", json=call))["call_id"]
    for role in ("customer", "agent", "human_agent", "system", "supervisor"):
        lab.refuses(await supervisor.at("POST", "/events", json=_spoken(role)), f"writing as {role}")
    for verb in ("approve", "deny", "claim", "cancel"):
        answer = await supervisor.at(
            "POST", f"/tool-calls/{call_id}/{verb}", json={"lease": 9} if verb == "claim" else {}
        )
        lab.refuses(answer, f"to {verb} a call", statuses={403})
    for actor in ({"actor": {"sub": "usr_x"}}, {"sub": "usr_x"}):
        answer = await owner.at("POST", "/events", json={"events": [{**_spoken("customer")["events"][0], **actor}]})
        lab.refuses(answer, "naming another author", statuses={400, 422})
    written = [each for each in members_of(await owner.at("GET", "/events"))["events"] if each["kind"] == "message"]
    lab.holds({each["actor"]["sub"] for each in written} == {await _subject(owner, "customer")}, "an author is wrong")


def _spoken(role: str) -> dict[str, list[dict[str, object]]]:
    return {"events": [{"kind": "message", "role": role, "body": {"text": "hello"}}]}
