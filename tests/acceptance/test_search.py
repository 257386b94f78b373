"""What was said and done months ago is found again."""

import pytest
from journey import CALL, Journey, item, said

pytestmark = pytest.mark.anyio


async def test_r29_a_word_of_the_history_is_found_on_another_device(journey: Journey) -> None:
    grant = await journey.begin("Acme contract revision")
    task = journey.task(grant)
    await task.append([said("Counsel says that the walrus clause is void.")])
    for turn in range(6):
        await task.append([said(f"something else, line {turn}-{line}") for line in range(50)])
    await task.create_item("cap", item("decision", "The walrus clause goes", status="settled"))
    await task.propose(CALL)
    phone = await journey.hand_over(grant, mode="share")
    path = f"/tasks/{grant.task_id}/search"
    found = (await journey.at_store(phone, "POST", path, json={"query": "Walrus clause"})).json()
    assert [hit["kind"] for hit in found["hits"]] == ["working_set.changed", "message"]
    oldest = found["hits"][-1]
    shown = oldest["excerpt"]
    assert [shown["text"][start:end] for start, end in shown["marks"]] == ["walrus", "clause"]
    event = (await task.events())[oldest["seq"] - 1]
    assert event["body"]["text"] == shown["text"]
    assert (await journey.at_store(phone, "POST", path, json={"query": "penguin"})).json()["hits"] == []
