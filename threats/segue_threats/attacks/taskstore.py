"""XD-TASK: a token for one task is turned against another, or against what it may not do.

RFC 9396 section 12; specs/protocol.md section 8. Expected: what is not yours does not exist, and reading is reading.
"""

import secrets

import httpx2

from segue_threats.attack import Broken, Need, attack
from segue_threats.device import members_of
from segue_threats.grant import Grant
from segue_threats.lab import Lab

ITEM = {"type": "fact", "title": "secret of the other task", "body": "", "status": "open"}
CALL = {"tool": "look_up", "title": "Look it up", "arguments": {}, "effect": "irreversible"}
EVENT = {"events": [{"kind": "message", "role": "customer", "body": {"text": "hello"}}]}
NEW = [("If-None-Match", "*")]
NOT_THERE = {403, 404}


async def furnished(lab: Lab) -> tuple[Grant, str, str]:
    """A task with an item and a tool call, and their ids."""
    grant, item = await lab.begin(), f"itm_{secrets.token_hex(8)}"
    lab.works(await grant.at("PUT", f"/working-set/{item}", json=ITEM, headers=NEW), "making an item")
    call = lab.works(await grant.at("POST", "/tool-calls", json=CALL), "proposing a call")
    return grant, item, str(members_of(call)["call_id"])


@attack("XD-TASK-01", Need.CODE, Need.TASK_STORE)
async def identifiers_are_swapped(lab: Lab) -> None:
    """Name the other task with one's own children, and one's own task with the other's children."""
    mine, _, my_call = await furnished(lab)
    other, item, call = await furnished(lab)
    base = other.address
    for path in (f"/working-set/{item}", f"/tool-calls/{call}", f"/working-set/{item}/versions"):
        lab.works(await other.at("GET", path), f"the owner's {path}")
        lab.refuses(await mine.at("GET", path), f"the own task with the other's {path}", statuses=NOT_THERE)
        answer = await mine.device.send("GET", base + path, token=mine.access_token)
        lab.refuses(answer, f"the other task's {path}", statuses=NOT_THERE)
    for verb in ("approve", "claim", "cancel", "deny"):
        body = {"lease": 30} if verb == "claim" else {}
        answer = await mine.at("POST", f"/tool-calls/{call}/{verb}", json=body)
        lab.refuses(answer, f"to {verb} the other's call", statuses=NOT_THERE | {400})
        key = [("Idempotency-Key", secrets.token_hex(8))]
        address = f"{base}/tool-calls/{my_call}/{verb}"
        answer = await mine.device.send("POST", address, token=mine.access_token, json=body, headers=key)
        lab.refuses(answer, f"to {verb} the own call under the other task", statuses=NOT_THERE | {400})
    state = members_of(await other.at("GET", f"/tool-calls/{call}")).get("state")
    lab.holds(state == "proposed", f"the other's call is {state}")


@attack("XD-TASK-01", Need.PEOPLE, Need.PULL, Need.PAGES, Need.TASK_STORE)
async def a_task_of_another_person_is_opened(lab: Lab) -> None:
    """Use one person's token at another person's task."""
    mine = await lab.begin()
    asked = await lab.ask()

    async def value() -> str:
        return await lab.value(asked)

    await lab.person(1).device(asked.verification_uri, asked.user_code, value)
    theirs = Grant.of(asked.device, await lab.collect(asked))
    lab.works(await theirs.read(), "the other person's read")
    for grant, base in ((mine, theirs.address), (theirs, mine.address)):
        for path in ("", "/resume", "/events", "/working-set"):
            answer = await grant.device.send("GET", base + path, token=grant.access_token)
            lab.refuses(answer, f"another person's {path or 'task'}", statuses=NOT_THERE)


@attack("XD-TASK-02", Need.PUSH, Need.TASK_STORE)
async def a_reading_token_writes(lab: Lab) -> None:
    """Try every writing route with a token that may only read."""
    owner, item, call = await furnished(lab)
    reader = await lab.push(owner, actions="task:read events:read", mode="share")
    lab.works(await reader.read(), "the read")
    lab.works(await reader.at("GET", "/events"), "the read of the log")
    writes = [
        ("POST", "/events", EVENT, []),
        ("PUT", "/working-set/itm_new", ITEM, NEW),
        ("DELETE", f"/working-set/{item}", None, [("If-Match", '"1"')]),
        ("PATCH", "", {"name": "Taken"}, [("If-Match", '"1"')]),
        ("POST", "/status", {"to": "closed", "reason": None}, []),
        ("POST", "/tool-calls", CALL, []),
        ("POST", f"/tool-calls/{call}/approve", {}, []),
        ("POST", f"/tool-calls/{call}/claim", {"lease": 30}, []),
        ("POST", "/invitations", {"role": "supervisor"}, []),
        ("POST", "/name-proposals", {"name": "Taken"}, []),
        ("POST", "/drafts", {"role": "agent"}, []),
    ]
    for method, path, body, headers in writes:
        answer = await reader.at(method, path, json=body, headers=headers)
        lab.refuses(answer, f"{method} {path or 'the task'} with a reading token", statuses={403})
    for path in ("/working-set", f"/tool-calls/{call}", "/audit"):
        lab.refuses(await reader.at("GET", path), f"reading {path} without the right to", statuses={403})
    after = members_of(await owner.at("GET", f"/tool-calls/{call}")).get("state")
    lab.holds(after == "proposed", f"the call is {after}")
    lab.still_works(await owner.at("GET", f"/working-set/{item}"), "the owner's item")


@attack("XD-TASK-03", Need.RESOURCE)
async def a_side_door_is_tried(lab: Lab) -> None:
    """Spell the address in other ways and override the method, without a token."""
    grant = await lab.grant()
    lab.works(await grant.read(), "the honest read")
    here = grant.address
    scheme, _, rest = here.partition("://")
    host, _, path = rest.partition("/")
    root = f"{scheme}://{host}"
    doors = [f"{here}/", f"{root}//{path}", f"{root}/./{path}", f"{root}/x/../{path}", f"{here};x=1", f"{here}%2f"]
    doors += [f"{root}/{path.upper()}", f"{here}.json", f"{here}?_method=GET", f"{root}/%2e/{path}"]
    for door in doors:
        answer = await lab.http.get(httpx2.URL(door))
        lab.holds(answer.is_error or answer.is_redirect, f"{door} answers without a token")
        lab.holds(answer.status_code < 500, f"{door} makes the server fail")
    for name in ("X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL"):
        answer = await lab.http.post(root + "/", headers={name: "/" + path if "URL" in name else "GET"})
        lab.holds(answer.is_error or answer.is_redirect, f"{name} opens something")
    for method in ("HEAD", "TRACE", "CONNECTED", "get"):
        answer = await lab.http.request(method, here)
        lab.refuses(answer, f"the method {method} without a token")
    lab.still_works(await grant.read(), "the honest read")


@attack("XD-TASK-05", Need.CODE, Need.TASK_STORE)
async def positions_beyond_the_log_are_asked_for(lab: Lab) -> None:
    """Read from positions before the beginning, behind the end, and from none."""
    grant = await lab.begin()
    lab.works(await grant.at("GET", "/events?after=0"), "the honest read of the log")
    for after in ("-1", "999999999", "9" * 40, "x", "1e3", "0x1", "", "1 OR 1=1"):
        answer = await grant.at("GET", f"/events?after={after}")
        lab.refuses(answer, f"reading after {after!r}")
    for limit in ("0", "-5", "100000000"):
        lab.refuses(await grant.at("GET", f"/events?limit={limit}"), f"a page of {limit}")


@attack("XD-TASK-06", Need.CODE, Need.TASK_STORE)
async def conditions_tell_what_must_not_be_seen(lab: Lab) -> None:
    """Ask conditionally for foreign and missing tasks; write without a condition, and with an old one."""
    mine, other = await lab.begin(), await lab.begin()
    etag = lab.works(await other.read(), "the owner's read").headers.get("ETag", '"1"')
    missing = lab.target.protected("tsk_" + "A" * len(other.task_id.removeprefix("tsk_")))
    for name in ("If-None-Match", "If-Match"):
        answers = [
            await mine.device.send("GET", address, token=mine.access_token, headers=[(name, value)])
            for address in (other.address, missing)
            for value in (etag, '"999"', "*")
        ]
        told = {(answer.status_code, answer.text.replace(other.task_id, "")) for answer in answers}
        lab.holds(len(told) == 1, f"{name} tells a foreign task from a missing one")
    lab.refuses(await mine.at("PATCH", "", json={"name": "x"}), "a write without a condition", statuses={428})
    stale = await mine.at("PATCH", "", json={"name": "x"}, headers=[("If-Match", '"999"')])
    lab.refuses(stale, "a write with a wrong condition", statuses={412})


@attack("XD-TASK-07", Need.CODE, Need.TASK_STORE)
async def foreign_and_missing_are_told_apart(lab: Lab) -> None:
    """Compare the answers for a task of somebody else and for one that does not exist."""
    mine, other = await lab.begin(), await lab.begin()
    lab.works(await other.read(), "the owner's read")
    missing = lab.target.protected("tsk_" + "A" * len(other.task_id.removeprefix("tsk_")))
    for path in ("", "/events", "/working-set/itm_x", "/tool-calls/call_x", "/resume"):
        told = []
        for base in (other.address, missing):
            answer = await mine.device.send("GET", base + path, token=mine.access_token)
            headers = {name for name in answer.headers if name.lower() not in ("date", "dpop-nonce")}
            told.append((answer.status_code, answer.text, headers))
        lab.holds(told[0] == told[1], f"a foreign task's {path or 'existence'} can be told from a missing one's")


@attack("XD-TASK-09", Need.CODE, Need.TASK_STORE)
async def lists_show_other_tasks(lab: Lab) -> None:
    """Look for other tasks of the same person in the list, the resume view and the error texts."""
    mine, other = await lab.begin(), await lab.begin()
    tasks = lab.target.protected("").rstrip("/")
    listed = lab.works(await mine.device.send("GET", tasks, token=mine.access_token), "the list of tasks")
    lab.holds(mine.task_id in listed.text, "the own task is not listed")
    for answer in (listed, await mine.at("GET", "/resume"), await mine.at("GET", "/events")):
        lab.holds(other.task_id not in answer.text, "another task is named")


@attack("XD-TASK-11", Need.RESOURCE, Need.REVOCATION, Need.TASK_STORE)
async def an_open_stream_survives_the_revocation(lab: Lab) -> None:
    """Follow the log, revoke the grant, and wait for the stream to end; then try to open it again."""
    grant = await lab.begin()
    address, headers = grant.address + "/events", [("Accept", "text/event-stream")]
    lab.works(await grant.read(), "the honest read")
    proof = grant.device.proof("GET", address, token=grant.access_token)
    sent = [*headers, ("DPoP", proof), ("Authorization", f"DPoP {grant.access_token}")]
    async with lab.http.stream("GET", address, headers=sent, timeout=20) as stream:
        lab.holds(stream.status_code == 200, "the log cannot be followed")
        await grant.device.form("revocation", {"token": grant.refresh_token})
        try:
            async for _ in stream.aiter_bytes():
                pass
        except httpx2.ReadTimeout as endless:
            raise Broken("the stream stays open after the revocation") from endless
    lab.refuses(await grant.at("GET", "/events", headers=headers), "opening the stream again", statuses={401})


@attack("XD-TASK-12", Need.CODE, Need.TASK_STORE)
async def protected_fields_are_set(lab: Lab) -> None:
    """Send fields that the server alone may set along with ordinary updates."""
    grant = await lab.begin()
    before = lab.works(await grant.read(), "the honest read").json()
    for field, value in (("owner", "usr_x"), ("epoch", 99), ("task_id", "tsk_x"), ("status", "closed"), ("head", 0)):
        change = {"name": "Renamed", field: value}
        answer = await grant.at("PATCH", "", json=change, headers=[("If-Match", f'"{before["version"]}"')])
        lab.refuses(answer, f"an update with {field}", statuses={400, 422})
    for member in ({"actor": {"sub": "usr_x"}}, {"seq": 1}, {"at": 0}):
        event = {"kind": "message", "role": "customer", "body": {}, **member}
        answer = await grant.at("POST", "/events", json={"events": [event]})
        lab.refuses(answer, f"an event with {next(iter(member))}", statuses={400, 422})
    forged = {"events": [{"kind": "task.moved", "role": "system", "body": {}}]}
    lab.refuses(await grant.at("POST", "/events", json=forged), "an event of the store's own", statuses={422})
    lab.holds((await grant.read()).json() == before, "the task has changed")


@attack("XD-TASK-13", Need.CODE, Need.TASK_STORE)
async def an_old_version_is_written_back(lab: Lab) -> None:
    """Replace an item under the version it had before somebody else changed it."""
    grant, item, _ = await furnished(lab)
    newer = {**ITEM, "title": "newer"}
    path = f"/working-set/{item}"
    first = members_of(await grant.at("GET", path))["version"]
    lab.works(await grant.at("PUT", path, json=newer, headers=[("If-Match", f'"{first}"')]), "the honest change")
    for condition in (f'"{first}"', '"999"'):
        answer = await grant.at("PUT", path, json=ITEM, headers=[("If-Match", condition)])
        lab.refuses(answer, f"a change of the version {condition}", statuses={409, 412})
    lab.refuses(await grant.at("PUT", path, json=ITEM, headers=NEW), "making it anew", statuses={409, 412})
    lab.holds(members_of(await grant.at("GET", path)).get("title") == "newer", "the older text is back")


@attack("XD-TASK-08", Need.PUSH, Need.PAGES, Need.TASK_STORE)
async def a_fork_inherits_too_much(lab: Lab) -> None:
    """Fork with a token that may not; then open the fork with its parent's tokens, and run the parent's calls in it."""
    owner, item, call = await furnished(lab)
    lab.works(await owner.at("POST", f"/tool-calls/{call}/approve", json={}), "approving the call")
    viewer = await lab.push(owner, actions="task:read events:read events:append tool_calls:claim", mode="share")
    refused = await viewer.at("POST", "/forks", json={"name": "Mine"})
    lab.refuses(refused, "a fork by who may not write", statuses={403})
    forked = lab.works(await owner.at("POST", "/forks", json={"name": "Otherwise"}), "the owner's fork")
    task_id = str(members_of(forked)["task_id"])
    address = lab.target.protected(task_id)
    for grant in (owner, viewer):
        for path in ("", "/events", "/resume", f"/tool-calls/{call}"):
            answer = await grant.device.send("GET", address + path, token=grant.access_token)
            lab.refuses(answer, f"the fork's {path or 'task'} with its parent's token", statuses=NOT_THERE)
    fork = await opened(lab, task_id)
    lab.works(await fork.at("GET", f"/working-set/{item}"), "the item in the fork")
    people = members_of(lab.works(await fork.at("GET", "/participants"), "who takes part"))["participants"]
    lab.holds(len(people) == 1, "participants have gone along")
    listed = members_of(lab.works(await fork.at("GET", "/tool-calls"), "the fork's calls"))["tool_calls"]
    lab.holds(listed == [], "tool calls have gone along")
    for verb in ("claim", "cancel"):
        answer = await fork.at("POST", f"/tool-calls/{call}/{verb}", json={})
        lab.refuses(answer, f"to {verb} the parent's call in the fork", statuses=NOT_THERE)
    answer = await fork.device.send("GET", owner.address, token=fork.access_token)
    lab.refuses(answer, "the parent with the fork's token", statuses=NOT_THERE)
    state = members_of(await owner.at("GET", f"/tool-calls/{call}")).get("state")
    lab.holds(state == "approved", f"the parent's call is {state}")


async def opened(lab: Lab, task_id: str) -> Grant:
    """A task that there is, at another device of its owner."""
    device = lab.desktop()
    request = lab.authorization(device)
    redirect_uri = device.client.redirect_uri
    back = await lab.pages().browser.authorize(request.url, redirect_uri=redirect_uri, task=task_id)
    lab.trail.redactor.mark("code", back.get("code", ""))
    return Grant.of(device, await lab.exchange(device, request, back.get("code", "")))
