"""XD-OPS-02, XD-OPS-05, XD-OPS-06: something fails, is put back, or is changed behind the server's back.

ASVS 5.0 sections 2.3.3, 16.4.2 and 16.5.2 to 16.5.4. Expected: doubt means no, what is over stays over, and whoever
changes the record is found out.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

import httpx2

from segue_threats.attack import Need, attack
from segue_threats.device import members_of
from segue_threats.flows import details
from segue_threats.grant import Grant
from segue_threats.lab import Lab

if TYPE_CHECKING:
    from segue_threats.machine import Machine

EVENT = {"events": [{"kind": "message", "role": "customer", "body": {"text": "hello"}}]}
INVENTED = (
    "INSERT INTO audit SELECT task_id, ?, at, kind, seq, sub, role, client_id, device_id, about, link"
    " FROM audit WHERE task_id = ? AND n = 1"
)
LATER = 700
"""Seconds after which every code has expired, and nobody may use the issuer's keys unheard any more."""


def closed(lab: Lab, answer: httpx2.Response, what: str) -> None:
    """Raises `Broken` unless the answer is an orderly *not now* that gives nothing away."""
    given = {"access_token", "refresh_token", "device_code", "user_code", "transfer_code"} & set(members_of(answer))
    lab.holds(not given, f"{what}: it gives {', '.join(sorted(given))}")
    lab.holds(answer.status_code == 503, f"{what}: answered with {answer.status_code}, where 503 is due")


@attack("XD-OPS-06", Need.OWN)
async def the_memory_is_out_of_reach(outside: Lab) -> None:
    """Come with good and bad things while uses and tries cannot be counted."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        offer, claim = await lab.claimed(grant)
        lab.works(await grant.read(), "the honest read")
        browser = lab.other_browser()
        with machine.without("memory"):
            closed(lab, await grant.refresh(), "a refresh")
            closed(lab, await grant.read(), "a read")
            closed(lab, await grant.at("POST", "/events", json=EVENT), "a write")
            closed(lab, await lab.claim_answer(lab.phone(), offer.handle), "a claim")
            closed(lab, await lab.poll(claim), "a poll")
            closed(lab, await lab.ask_answer(lab.phone()), "a pull")
            await lab.tries(browser.browser.visit(f"{lab.target.issuer}/devices"))
        answer = await browser.http.get(f"{lab.target.issuer}/devices")
        lab.holds(not answer.is_success, "somebody has signed in whose tries nobody counted")
        await _whole(lab, offer.confirmation_uri, claim.check_value, lab.poll(claim))
        lab.still_works(await grant.refresh(), "the refresh")


@attack("XD-OPS-06", Need.OWN)
async def the_database_is_out_of_reach(outside: Lab) -> None:
    """Come while nothing can be read or written."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        offer, claim = await lab.claimed(grant)
        lab.works(await grant.read(), "the honest read")
        with machine.without("database"):
            closed(lab, await grant.refresh(), "a refresh")
            closed(lab, await grant.read(), "a read")
            closed(lab, await lab.poll(claim), "a poll")
            closed(lab, await lab.ask_answer(lab.phone()), "a pull")
            closed(lab, await lab.pages().http.get(offer.confirmation_uri), "the page of the decision")
        await _whole(lab, offer.confirmation_uri, claim.check_value, lab.poll(claim))
        lab.still_works(await grant.refresh(), "the refresh")


@attack("XD-OPS-06", Need.OWN)
async def the_task_store_is_out_of_reach(outside: Lab) -> None:
    """Have a person decide while nobody can say what the task is, and see what the devices get."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        offer, claim = await lab.claimed(grant)
        lab.works(await grant.read(), "the honest read")
        with machine.without("task store"):
            closed(lab, await lab.pages().http.get(offer.confirmation_uri), "the page of the decision")
            await lab.tries(lab.confirm(offer, claim.check_value))
            waiting = await lab.poll(claim)
            lab.refuses(waiting, "a redemption that nobody has decided", errors={"authorization_pending"})
            device = lab.desktop()
            page = await lab.pages().http.get(lab.authorization(device).url)
            closed(lab, page, "the page on which a task is chosen")
        await _whole(lab, offer.confirmation_uri, claim.check_value, lab.poll(claim))


@attack("XD-OPS-06", Need.OWN)
async def the_issuer_is_out_of_reach(outside: Lab) -> None:
    """Come to the task store when it has not heard of its issuer for longer than it may believe what it knows."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        lab.works(await grant.read(), "the honest read")
        with machine.without("authorization server"):
            machine.ahead += LATER
            later = await grant.refreshed()
            closed(lab, await later.read(), "a read without the issuer's keys")
            closed(lab, await later.at("POST", "/events", json=EVENT), "a write without the issuer's keys")
        machine.ahead += 60
        lab.still_works(await (await later.refreshed()).read(), "the read once the issuer is back")


async def _whole(lab: Lab, confirmation_uri: str, check_value: str, poll: Awaitable[httpx2.Response]) -> None:
    """After the outage the transfer is there to be decided, once."""
    await lab.person().confirm(confirmation_uri, check_value)
    lab.still_works(await poll, "the redemption after the outage")


@attack("XD-OPS-05", Need.OWN)
async def the_clock_is_set_back(outside: Lab) -> None:
    """Let a code, a transfer and a token expire, set the machine's clock back, and use them."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        offer, claim = await lab.claimed(grant)
        await lab.confirm(offer, claim.check_value)
        unclaimed = await lab.offer(await lab.begin())
        device = lab.desktop()
        request = lab.authorization(device)
        code = await lab.code(device, request)
        lab.works(await grant.read(), "the honest read")
        machine.ahead += LATER
        lab.refuses(await lab.poll(claim), "a redemption after the time")
        lab.refuses(await grant.read(), "a token after its time", statuses={401})
        machine.ahead -= LATER
        lab.refuses(await lab.poll(claim), "a redemption in a second life")
        lab.refuses(await lab.claim_answer(lab.phone(), unclaimed.handle), "a claim in a second life")
        lab.refuses(await lab.exchange(device, request, code), "an authorization code in a second life")
        lab.refuses(await grant.read(), "a token in a second life", statuses={401})
        machine.ahead += LATER + 1
        lab.still_works(await grant.refresh(), "the refresh once time goes on")


@attack("XD-OPS-05", Need.OWN)
async def a_backup_is_put_back(outside: Lab) -> None:
    """Redeem and revoke what a backup holds as open, put the backup back, and use all of it again."""
    async with outside.instance() as (lab, machine):
        desktop = await lab.begin()
        lost = await lab.push(desktop, mode="share")
        offer, claim = await lab.claimed(desktop)
        await lab.confirm(offer, claim.check_value)
        cookies = dict(lab.pages().http.cookies)
        copies = machine.keep_copy()
        lab.works(await lab.poll(claim), "the redemption")
        lab.works(await lost.device.form("revocation", {"token": lost.refresh_token}), "the revocation")
        await machine.restore(copies)
        lab.refuses(await lost.refresh(), "a refresh of what was revoked", errors={"invalid_grant"})
        lab.refuses(await desktop.refresh(), "a refresh of what the backup cannot vouch for", errors={"invalid_grant"})
        lab.refuses(await lab.poll(claim), "a second redemption")
        thief = lab.other_browser().http
        thief.cookies.update(cookies)
        answer = await thief.get(f"{lab.target.issuer}/devices")
        lab.holds(not answer.is_success, "somebody is signed in whose sign-out the backup does not know")
        await _again(lab, machine, desktop)


async def _again(lab: Lab, machine: "Machine", before: Grant) -> None:
    """The person signs in anew and goes on with the task."""
    device = lab.desktop()
    asked = details([{"type": "task", "task_id": before.task_id, "actions": before.details["actions"]}])
    request = lab.authorization(device, authorization_details=asked)
    back = await lab.pages().browser.authorize(
        request.url, redirect_uri=device.client.redirect_uri, task=before.task_id
    )
    grant = Grant.of(device, await lab.exchange(device, request, back.get("code", "")))
    lab.holds(grant.task_id == before.task_id, "the task cannot be asked for again")
    lab.still_works(await grant.at("POST", "/events", json=EVENT), "the write to the task")
    faults, _ = machine.verified_audit()
    lab.holds(not faults, f"the audit does not verify: {faults}")


@attack("XD-OPS-02", Need.OWN)
async def the_record_is_changed(outside: Lab) -> None:
    """Change, swap, drop and cut off entries of the audit in the database, and have the operator verify it."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        lab.works(await grant.at("POST", "/events", json=EVENT), "the honest write")
        new = await lab.push(grant)
        lab.works(await new.read(), "the new device's read")
        faults, checkpoints = machine.verified_audit()
        lab.holds(not faults and checkpoints, f"what nobody has touched does not verify: {faults}")
        task, last = grant.task_id, max(row["n"] for row in machine.inside.rows("audit"))
        changes = {
            "another person": ("UPDATE audit SET sub = 'usr_x' WHERE task_id = ? AND n = 1", task),
            "another device": ("UPDATE audit SET device_id = 'dev_x' WHERE task_id = ? AND n = ?", task, last),
            "another content": ("UPDATE audit SET about = '{}' WHERE task_id = ? AND n = ?", task, last),
            "a missing entry": ("DELETE FROM audit WHERE task_id = ? AND n = 1", task),
            "a missing end": ("DELETE FROM audit WHERE task_id = ? AND n >= ?", task, last),
            "an invented entry": (INVENTED, last + 1, task),
        }
        copies = machine.keep_copy()
        for what, (statement, *values) in changes.items():
            machine.write_behind(statement, *values)
            found, _ = machine.verified_audit(checkpoints)
            lab.holds(found, f"nobody finds out about {what}")
            machine.put_back(copies)
        found, _ = machine.verified_audit(checkpoints)
        lab.holds(not found, f"what was put back does not verify: {found}")


@attack("XD-OPS-02", Need.OWN)
async def something_is_done_without_a_trace(outside: Lab) -> None:
    """Take the audit away and try what it would tell of; then follow a tool call back to the person who approved."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        new = await lab.push(grant, mode="share")
        call = {"tool": "look_up", "title": "Look it up", "arguments": {}, "effect": "irreversible"}
        call_id = members_of(lab.works(await new.at("POST", "/tool-calls", json=call), "proposing a call"))["call_id"]
        machine.write_behind("ALTER TABLE audit RENAME TO audit_away")
        answer = await new.at("POST", f"/tool-calls/{call_id}/approve", json={})
        machine.write_behind("ALTER TABLE audit_away RENAME TO audit")
        lab.holds(answer.is_error, "a call is approved, and there is no trace of it")
        state = members_of(await new.at("GET", f"/tool-calls/{call_id}")).get("state")
        lab.holds(state == "proposed", f"the call is {state}, and there is no trace of it")
        lab.still_works(await new.at("POST", f"/tool-calls/{call_id}/approve", json={}), "the approval")
        page = members_of(lab.works(await grant.at("GET", "/audit"), "the audit"))
        traced = [entry for entry in page["entries"] if call_id in str(entry["about"])]
        lab.holds(traced, "the approval is not in the audit")
        grants = [row for row in machine.inside.rows("grants") if row["device_id"] == traced[0]["device_id"]]
        led = {str(row["transfer_id"]) for row in grants if row["subject"] == traced[0]["sub"]}
        lab.holds(led == {str(new.details["transfer_id"])}, "the entry's device does not lead to one transfer")
        (transfer,) = [row for row in machine.inside.rows("transfers") if row["transfer_id"] in led]
        lab.holds(transfer["subject"] and transfer["source_grant_id"] and transfer["explained"], "who approved is lost")
