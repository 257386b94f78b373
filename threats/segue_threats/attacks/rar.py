"""XD-RAR: more than one task, no task, more rights than the person has approved.

RFC 9396 sections 5 and 12, RFC 10027 section 6.1.9. Expected: one task, and never more than was shown.
"""

import json

from segue_threats.attack import Need, attack
from segue_threats.device import members_of
from segue_threats.flows import details
from segue_threats.lab import Lab

BAD = {"invalid_authorization_details", "invalid_request", "invalid_scope"}
READ = ["task:read"]
EVERYTHING = ["task:read", "task:write", "task:transfer", "working_set:write", "events:append", "audit:read"]


async def refused(lab: Lab, value: object, what: str) -> None:
    """Ask for it."""
    answer = await lab.ask_answer(
        lab.phone(), authorization_details=value if isinstance(value, str) else details(value)
    )
    lab.refuses(answer, what, errors=BAD)


@attack("XD-RAR-01", Need.PULL, Need.TASK_STORE)
async def an_unknown_type_or_member_is_asked_for(lab: Lab) -> None:
    """Ask with types, members and actions that nobody knows."""
    lab.works(await lab.ask_answer(lab.phone()), "asking")
    task = {"type": "task", "actions": READ}
    await refused(lab, [{**task, "type": "payment"}], "an unknown type")
    await refused(lab, [{"actions": READ}], "no type")
    for member in ("locations", "privileges", "datatypes", "identifier", "admin"):
        await refused(lab, [{**task, member: ["x"]}], f"the member {member}")
    for actions in (["task:delete"], ["*"], ["task:read", "root"], [], "task:read", [1], None):
        await refused(lab, [{**task, "actions": actions}], f"the actions {actions}")


@attack("XD-RAR-02", Need.PULL, Need.TASK_STORE)
async def no_task_or_all_tasks_are_asked_for(lab: Lab) -> None:
    """Leave the details out, empty them, name all tasks or a list of them."""
    lab.works(await lab.ask_answer(lab.phone()), "asking")
    for value in ("", "[]", "{}", "null", "[null]", "[[]]", "x", '[{"type":"task"}]'):
        await refused(lab, value, f"the details {value!r}")
    for task_id in ("*", "%", "all", ["tsk_1", "tsk_2"], {"$ne": ""}, 1, ""):
        await refused(lab, [{"type": "task", "actions": READ, "task_id": task_id}], f"the task {task_id!r}")
    twice = '[{"type":"task","actions":["task:read"],"task_id":"tsk_a","task_id":"tsk_b"}]'
    await refused(lab, twice, "two tasks in one member")


@attack("XD-RAR-03", Need.PUSH)
async def more_rights_are_asked_for_at_redemption(lab: Lab) -> None:
    """Add details and scope to the redemption and to the refresh of a narrow grant."""
    offer, claim = await lab.claimed(await lab.begin(), actions="task:read events:read")
    await lab.confirm(offer, claim.check_value)
    wide = details([{"type": "task", "actions": EVERYTHING}])
    more = {"authorization_details": wide, "scope": " ".join(EVERYTHING), "actions": " ".join(EVERYTHING)}
    answer = await lab.poll(claim, by=None, **more)
    if answer.is_error:
        lab.refuses(answer, "a redemption for more", errors=BAD)
        answer = await lab.poll(claim)
    got = lab.works(answer, "the redemption").json()
    lab.holds(_actions(got) <= {"task:read", "events:read"}, f"the redemption gave {sorted(_actions(got))}")
    form = {"grant_type": "refresh_token", "refresh_token": got["refresh_token"], **more}
    again = await claim.device.form("token", form)
    if not again.is_error:
        given = _actions(members_of(again))
        lab.holds(given <= {"task:read", "events:read"}, f"the refresh gave {sorted(given)}")


def _actions(answer: object) -> set[str]:
    return {action for entry in json.loads(json.dumps(answer))["authorization_details"] for action in entry["actions"]}


@attack("XD-RAR-03", Need.PUSH)
async def a_transfer_passes_on_more_than_there_is(lab: Lab) -> None:
    """Start a transfer, from a narrow grant, of rights that it does not have."""
    grant = await lab.begin()
    narrow = await lab.push(grant, actions="task:read events:read", mode="share")
    lab.works(await narrow.refresh(), "the narrow grant's refresh")
    answer = await lab.offer_answer(narrow, actions="task:read task:write")
    lab.refuses(answer, "a transfer by a grant that may not transfer")
    for actions in ("root", "task:read root", "*"):
        lab.refuses(await lab.offer_answer(grant, actions=actions), f"a transfer of {actions!r}")


@attack("XD-RAR-04", Need.PULL, Need.TASK_STORE)
async def two_entries_add_up(lab: Lab) -> None:
    """Ask for two tasks in two entries."""
    lab.works(await lab.ask_answer(lab.phone()), "asking")
    task = {"type": "task", "actions": READ}
    await refused(lab, [task, task], "the same entry twice")
    await refused(lab, [{**task, "task_id": "tsk_a"}, {**task, "task_id": "tsk_b", "actions": EVERYTHING}], "two tasks")


@attack("XD-RAR-05", Need.CODE, Need.TASK_STORE)
async def a_token_for_one_task_opens_another(lab: Lab) -> None:
    """Use a token at another task of the same person, on every route."""
    mine, other = await lab.begin(), await lab.begin()
    lab.works(await mine.read(), "the honest read")
    lab.works(await other.read(), "the other task's own token")
    base = lab.target.protected(other.task_id)
    for path in ("", "/resume", "/events", "/working-set", "/tool-calls", "/sessions", "/participants", "/audit"):
        answer = await mine.device.send("GET", base + path, token=mine.access_token)
        lab.refuses(answer, f"reading {path or 'the task'} of another task", statuses={403, 404})
    event = {"events": [{"kind": "message", "role": "customer", "body": {"text": "intruder"}}]}
    headers = [("Idempotency-Key", "intruder")]
    answer = await mine.device.send("POST", base + "/events", token=mine.access_token, json=event, headers=headers)
    lab.refuses(answer, "writing to another task", statuses={403, 404})
    lab.holds("intruder" not in (await other.at("GET", "/events")).text, "the other task was written to")


@attack("XD-RAR-06", Need.PUSH, Need.TASK_STORE)
async def the_narrowing_is_lost(lab: Lab) -> None:
    """Pass on reading alone, and see whether the token, its refresh and the store agree."""
    narrow = await lab.push(await lab.begin(), actions="task:read events:read", mode="share")
    lab.works(await narrow.read(), "the read")
    given = narrow.details["actions"]
    lab.holds(set(given) == {"task:read", "events:read"}, f"the token answer says {given}")
    renamed = await narrow.at("PATCH", "", json={"name": "Taken"}, headers=[("If-Match", '"1"')])
    lab.refuses(renamed, "a write with a reading grant", statuses={403})
    lab.holds(_actions((await narrow.refresh()).json()) == set(given), "the refresh gives other rights")
