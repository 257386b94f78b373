"""XD-AGT: tool calls that run twice, results nobody produced, and agents that decide for people.

specs/protocol.md section 8. Expected: one holder, no silent repeat, and only a person approves.
"""

import asyncio

from segue_threats.attack import Need, attack
from segue_threats.attacks.taskstore import CALL
from segue_threats.device import members_of
from segue_threats.grant import Grant
from segue_threats.lab import Lab

REPEATABLE = {**CALL, "effect": "idempotent"}


async def claimed(lab: Lab, grant: Grant) -> dict[str, str]:
    """A tool call that this device holds and has started."""
    call = members_of(lab.works(await grant.at("POST", "/tool-calls", json=REPEATABLE), "proposing a call"))
    path = f"/tool-calls/{call['call_id']}"
    held = members_of(lab.works(await grant.at("POST", f"{path}/claim", json={"lease": 60}), "claiming it"))
    lab.works(await grant.at("POST", f"{path}/start", json={"fence": held["fence"], "lease": 60}), "starting it")
    return {"path": path, "fence": str(held["fence"])}


@attack("XD-AGT-01", Need.PUSH, Need.TASK_STORE)
async def a_running_call_is_finished_by_the_device_that_lost_it(lab: Lab) -> None:
    """Move the task while a call runs; complete it late, and claim it from both devices."""
    old = await lab.begin()
    call = await claimed(lab, old)
    new = await lab.push(old)
    lab.works(await new.read(), "the new device's read")
    late = {"fence": call["fence"], "result": {"text": "late"}}
    refusals = {401, 403, 409, 412}
    lab.refuses(await old.at("POST", f"{call['path']}/complete", json=late), "a late result", statuses=refusals)
    lab.refuses(await old.at("POST", f"{call['path']}/claim", json={"lease": 60}), "a late claim", statuses=refusals)
    answers = await asyncio.gather(*(new.at("POST", f"{call['path']}/claim", json={"lease": 60}) for _ in range(4)))
    held = [members_of(answer)["fence"] for answer in answers if not answer.is_error]
    lab.holds(len(held) == 1, f"the call is held {len(held)} times")
    done = {"fence": held[0], "result": {"text": "done"}}
    lab.works(await new.at("POST", f"{call['path']}/start", json={"fence": held[0], "lease": 60}), "the new start")
    lab.works(await new.at("POST", f"{call['path']}/complete", json=done), "the new device's result")
    result = members_of(await new.at("GET", call["path"])).get("result")
    lab.holds(result == {"text": "done"}, f"the result is {result}")


@attack("XD-AGT-02", Need.PUSH, Need.TASK_STORE)
async def results_are_invented(lab: Lab) -> None:
    """Complete a call with another fence, from another device, twice, and without holding it."""
    owner = await lab.begin()
    other = await lab.push(owner, mode="share")
    call = await claimed(lab, owner)
    path = call["path"]
    for fence in ("1.999", "0.1", "", call["fence"] + "0", "x"):
        answer = await owner.at("POST", f"{path}/complete", json={"fence": fence, "result": {"text": "invented"}})
        lab.refuses(answer, f"a result under the fence {fence!r}")
    answer = await other.at("POST", f"{path}/complete", json={"fence": call["fence"], "result": {"text": "swapped"}})
    lab.refuses(answer, "a result by another device")
    mine = {"fence": call["fence"], "result": {"text": "mine"}}
    lab.works(await owner.at("POST", f"{path}/complete", json=mine), "the holder's result")
    again = await owner.at("POST", f"{path}/complete", json={**mine, "result": {"text": "second"}})
    lab.refuses(again, "a second result")
    lab.holds(members_of(await owner.at("GET", path)).get("result") == {"text": "mine"}, "the result was replaced")


@attack("XD-AGT-03", Need.PUSH, Need.TASK_STORE)
async def the_move_launders_an_open_approval(lab: Lab) -> None:
    """Move a task with a call that waits for approval, and run the call at once."""
    old = await lab.begin()
    proposed = members_of(lab.works(await old.at("POST", "/tool-calls", json=CALL), "proposing a call"))
    path = f"/tool-calls/{proposed['call_id']}"
    lab.refuses(await old.at("POST", f"{path}/claim", json={"lease": 60}), "a claim before the move", statuses={409})
    new = await lab.push(old)
    lab.refuses(await new.at("POST", f"{path}/claim", json={"lease": 60}), "a claim after the move", statuses={409})
    state = members_of(lab.works(await new.at("GET", path), "the new device's look")).get("state")
    lab.holds(state == "proposed", f"the move has made the call {state}")


@attack("XD-AGT-07", Need.CODE, Need.TASK_STORE)
async def a_session_identifier_is_used_as_a_login(lab: Lab) -> None:
    """Name somebody's session without a token, and with the token of another task."""
    owner, stranger = await lab.begin(), await lab.begin()
    joined = await owner.at("POST", "/sessions", json={"name": "Desktop", "transport": "http"})
    session = str(members_of(lab.works(joined, "opening a session"))["session_id"])
    named = [("Task-Session", session)]
    answer = await lab.http.get(owner.address + "/events", headers=named)
    lab.refuses(answer, "reading with a session and no token", statuses={401})
    answer = await stranger.device.send("GET", owner.address + "/events", token=stranger.access_token, headers=named)
    lab.refuses(answer, "reading with a session and another's token", statuses={403, 404})
    event = {"events": [{"kind": "message", "role": "customer", "body": {}}], "session_id": session}
    lab.refuses(await stranger.at("POST", "/events", json=event), "writing in another's session")


@attack("XD-AGT-08", Need.PUSH)
async def the_agent_confirms_its_own_transfer(lab: Lab) -> None:
    """Send the decision with access tokens instead of a person's browser."""
    grant = await lab.begin()
    offer, claim = await lab.claimed(grant)
    here = await grant.refreshed(resource=lab.target.issuer)
    decision = {"check_value": claim.check_value, "decision": "approve"}
    for token in (here.access_token, grant.access_token):
        for scheme in ("DPoP", "Bearer"):
            answer = await grant.device.send("POST", offer.confirmation_uri, token=token, scheme=scheme, data=decision)
            lab.holds(answer.is_error or answer.is_redirect, f"the page takes an access token under {scheme}")
    endpoint = f"{lab.target.endpoint('transfer')}/{offer.transfer_id}"
    for verb in ("approve", "confirm", "decide"):
        answer = await grant.device.send("POST", f"{endpoint}/{verb}", token=here.access_token, data=decision)
        lab.refuses(answer, f"to {verb} by the interface of devices")
    lab.refuses(await lab.poll(claim), "a redemption that no person has approved", errors={"authorization_pending"})
    await lab.confirm(offer, claim.check_value)
    lab.works(await lab.poll(claim), "the redemption after a person has approved")
