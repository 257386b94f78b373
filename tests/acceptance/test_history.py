"""What was said and decided can be corrected, taken back, and gone on from in another way, and none of it is lost."""

import pytest
from journey import CALL, Journey, item, said, texts

pytestmark = pytest.mark.anyio


async def test_r35_history_is_corrected_and_rolled_back_and_the_audit_still_has_it(journey: Journey) -> None:
    grant = await journey.begin("Acme contract revision")
    task, base = journey.task(grant), f"/tasks/{grant.task_id}"
    await task.create_item("cap", item("decision", "The cap is the fees of one year", status="settled"))
    first = (await task.append([said("The notice period is 30 days")]))["first"]
    body = {"seq": first, "body": {"text": "The notice period is 60 days"}, "reason": "misread"}
    corrected = await journey.at_store(grant, "POST", f"{base}/corrections", json=body)
    assert corrected.status_code == 201, corrected.text
    good = corrected.json()["seq"]
    await task.replace_item("cap", item("decision", "No cap at all", status="settled"), version=1)
    await task.append([said("Counsel agreed to no cap")])
    await task.create_item("fax", item("output", "Fax to the other side"))
    call = await task.propose(CALL)
    head = (await task.resume())["cursor"]
    other = await journey.begin(task=grant.task_id)
    await journey.task(other).append([said("One more thing")])
    wanted = {"to": good, "head": head, "reason": "counsel did not"}
    unseen = await journey.at_store(grant, "POST", f"{base}/rollbacks", json=wanted)
    assert (unseen.status_code, unseen.json()["current"]) == (412, {"head": head + 1})
    done = await journey.at_store(grant, "POST", f"{base}/rollbacks", json={**wanted, "head": head + 1})
    assert (done.status_code, done.json()["cancelled"]) == (201, [call["call_id"]])

    view = await journey.task(other).resume()
    assert [(kept["item_id"], kept["title"]) for kept in view["working_set"]] == [
        ("cap", "The cap is the fees of one year")
    ]
    assert view["tool_calls"] == []
    ordinary = await journey.task(other).events()
    assert texts(ordinary) == []
    corrections = [event["body"]["body"]["text"] for event in ordinary if event["kind"] == "log.corrected"]
    assert corrections == ["The notice period is 60 days"]
    whole = (await journey.at_store(other, "GET", f"{base}/events?view=full&limit=500")).json()["events"]
    assert texts(whole) == ["The notice period is 30 days", "Counsel agreed to no cap", "One more thing"]
    versions = (await journey.at_store(other, "GET", f"{base}/working-set/cap/versions")).json()["versions"]
    assert [kept["title"] for kept in versions][1:] == ["No cap at all", "The cap is the fees of one year"]
    audit = (await journey.at_store(other, "GET", f"{base}/audit")).json()["entries"]
    found = {entry["kind"]: entry for entry in audit}
    assert found["log.corrected"]["about"] == {"seq": first, "withdrawn": False}
    assert found["task.reverted"]["about"] == {"to": good}


async def test_r40_a_task_is_forked_at_a_point_and_the_original_goes_on_intact(journey: Journey) -> None:
    grant = await journey.begin("Acme contract revision")
    task = journey.task(grant)
    await task.create_item("cap", item("decision", "The cap is the fees of one year", status="settled"))
    await task.append([said("The first draft is done")])
    at = (await task.resume())["cursor"]
    await task.append([said("The other side wants no cap")])
    running = await journey.run_call(grant)
    before = await task.events()
    wanted = {"name": "Acme contract, without a cap", "at": at}
    answer = await journey.at_store(grant, "POST", f"/tasks/{grant.task_id}/forks", json=wanted)
    assert answer.status_code == 201, answer.text
    task_id = answer.json()["task_id"]
    assert (await journey.at_store(grant, "GET", f"/tasks/{task_id}")).status_code == 404

    branch = await journey.begin(task=task_id)
    assert branch.task_id == task_id
    other = journey.task(branch)
    view = await other.resume()
    assert view["greeting"] == "You were working on Acme contract, without a cap - pick up where you left off?"
    assert view["task"]["forked_from"] == {"task_id": grant.task_id, "seq": at}
    assert [(kept["item_id"], kept["version"]) for kept in view["working_set"]] == [("cap", 1)]
    assert (texts(view["events"]), view["tool_calls"]) == (["The first draft is done"], [])
    await other.replace_item("cap", item("decision", "No cap"), version=1)
    await other.append([said("Drafted without the cap")])
    await journey.hand_over(branch)

    await task.step(running["call_id"], "complete", fence=running["fence"], result={"found": 40})
    original = await task.resume()
    assert [kept["title"] for kept in original["working_set"]] == ["The cap is the fees of one year"]
    after = await task.events()
    assert after[: len(before)] == before
    assert texts(after) == ["The first draft is done", "The other side wants no cap"]
    assert original["task"]["epoch"] == 1
