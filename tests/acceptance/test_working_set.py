"""What a task is about now: the working set, and the paragraph that is made from it."""

import pytest
from journey import CALL, Journey, item, said

pytestmark = pytest.mark.anyio

ITEMS = {
    "draft": item("document", "Draft of clauses 7 and 8", body="7. Limitation of liability"),
    "cap": item("decision", "Liability is capped at the fees of one year", body="Agreed.", status="settled"),
    "courts": item("question", "Whose courts decide?"),
    "comparison": item("output", "Comparison of the cap, first half", body="17 of 40 done"),
}


async def test_r3_documents_decisions_questions_and_partial_outputs_outlive_the_session(journey: Journey) -> None:
    grant = await journey.begin()
    session = await journey.task(grant).join(name="Tab", transport="http")
    for item_id, content in ITEMS.items():
        await journey.task(grant).create_item(item_id, content)
    await journey.at_store(grant, "DELETE", f"/tasks/{grant.task_id}/sessions/{session['session_id']}")
    later = await journey.begin(task=grant.task_id)
    found = {kept["item_id"]: kept for kept in (await journey.task(later).resume())["working_set"]}
    assert {key: {name: kept[name] for name in ITEMS[key]} for key, kept in found.items()} == ITEMS
    assert {kept["version"] for kept in found.values()} == {1}
    untyped = await journey.at_store(
        later,
        "PUT",
        f"/tasks/{later.task_id}/working-set/other",
        json=item("thought", "No such type"),
        headers={"If-None-Match": "*"},
    )
    assert untyped.status_code == 400


async def test_r6_the_resume_is_one_paragraph_made_from_the_working_set_and_not_a_scroll(journey: Journey) -> None:
    grant = await journey.begin("Acme contract revision")
    task = journey.task(grant)
    for item_id, content in ITEMS.items():
        await task.create_item(item_id, content)
    await task.propose(CALL)
    before = await task.resume()
    for turn in range(6):
        await task.append([said(f"yesterday's chat, line {turn}-{line}") for line in range(50)])
    view = await task.resume()
    assert view["greeting"] == "You were working on Acme contract revision - pick up where you left off?"
    assert view["paragraph"] == before["paragraph"]
    assert "\n" not in view["paragraph"]
    assert "yesterday's chat" not in view["paragraph"]
    assert len(view["paragraph"]) < 600
    for title in [content["title"] for content in ITEMS.values() if content["type"] != "output"] + [CALL["title"]]:
        assert title.rstrip("?") in view["paragraph"]
    assert "one partial result" in view["paragraph"].lower()
    assert len(view["events"]) <= 50
    await task.replace_item("courts", item("question", "Whose courts decide?", status="settled"), version=1)
    assert "courts" not in (await task.resume())["paragraph"]
