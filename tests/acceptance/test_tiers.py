"""Two tiers of context: what was said is told shorter as it ages, what was found out and decided stays, by task."""

from typing import Any

import pytest
from journey import Journey, item, said, texts
from segue_client.grant import Grant

pytestmark = pytest.mark.anyio


async def at(journey: Journey, grant: Grant, method: str, path: str, **content: Any) -> Any:
    """The answer of the store about the task of a grant, which must be good."""
    sent = {"json": content} if content else {}
    answer = await journey.at_store(grant, method, f"/tasks/{grant.task_id}{path}", **sent)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def worked_on(journey: Journey, subject: str) -> Grant:
    """A task of its own, in which something was said, found out and decided."""
    grant = await journey.begin()
    task = journey.task(grant)
    await task.append([said(f"{subject} {number}") for number in range(40)])
    await task.create_item("cap", item("decision", f"The cap of {subject}", status="settled"))
    await task.create_item("court", item("question", f"Which court for {subject}?"))
    return grant


async def test_r9_trimming_the_context_of_one_task_drops_nothing_of_another(journey: Journey) -> None:
    acme, orion = await worked_on(journey, "Acme"), await worked_on(journey, "Orion")
    whole = await at(journey, orion, "GET", "/resume?token_budget=100000")
    small = await at(journey, acme, "GET", "/resume?token_budget=300")
    assert await at(journey, orion, "GET", "/resume?token_budget=100000") == whole
    for grant, told in ((acme, small), (orion, whole)):
        context = told["context"]
        parts = [*context["parts"], *context["left_out"]]
        assert {context["task_id"], *(part["task_id"] for part in parts)} == {grant.task_id}
        assert {"cap", "court"} <= {part["id"] for part in context["parts"]}
    assert [found["title"] for found in small["working_set"]] == ["The cap of Acme", "Which court for Acme?"]
    assert all(text.startswith("Orion ") for text in texts(whole["events"]))
    assert [left["kind"] for left in small["context"]["left_out"]] == ["event"]
    assert whole["context"]["left_out"] == []


async def test_r20_messages_are_transient_and_facts_are_durable(journey: Journey) -> None:
    grant = await worked_on(journey, "Acme")
    task = journey.task(grant)
    before = await task.resume()
    told = await at(journey, grant, "POST", "/compactions", to_seq=before["cursor"], summary="They talked about Acme.")
    after = await task.resume()
    assert texts(before["events"])
    assert texts(after["events"]) == []
    assert after["working_set"] == before["working_set"]
    assert [one["summary"] for one in after["summaries"]] == ["They talked about Acme."]
    assert told["events"] == 40
    assert len(texts((await at(journey, grant, "GET", "/events?view=full"))["events"])) == 40


async def test_r21_a_compaction_keeps_every_fact_decision_and_tool_call(journey: Journey) -> None:
    grant = await worked_on(journey, "Acme")
    task = journey.task(grant)
    call = await journey.run_call(grant)
    await task.step(call["call_id"], "complete", fence=call["fence"], result={"cap": 1})
    source = (await task.append([said("The fee of one year is 2 million.")]))["first"]
    fact = {"item_id": "fee", "type": "fact", "title": "The fee is 2 million", "source_seq": source}
    items = (await task.resume())["working_set"]
    calls = await at(journey, grant, "GET", "/tool-calls")
    for summary in ("once", "twice", "thrice"):
        head = (await task.append([said("and more")]))["last"]
        content: dict[str, Any] = {"to_seq": head, "summary": summary}
        content |= {"facts": [fact]} if summary == "once" else {"from_seq": 1}
        await at(journey, grant, "POST", "/compactions", **content)
    kept = {found["item_id"]: found for found in (await task.resume())["working_set"]}
    assert (kept["fee"]["title"], kept["fee"]["source_seq"]) == ("The fee is 2 million", source)
    assert all(kept[found["item_id"]] == found for found in items)
    assert await at(journey, grant, "GET", "/tool-calls") == calls
    assert (await at(journey, grant, "GET", "/events"))["elided"][0]["summary"] == "thrice"


async def test_r28_the_recent_is_told_in_detail_and_what_is_older_shorter(journey: Journey) -> None:
    grant = await journey.begin()
    task = journey.task(grant)
    for part in range(3):
        head = (await task.append([said(f"part {part}, {number}") for number in range(20)]))["last"]
        await at(journey, grant, "POST", "/compactions", to_seq=head - 5, summary=f"Part {part} in short.")
    newest, second, _ = (await at(journey, grant, "GET", "/compactions"))["compactions"]
    assert newest["from_seq"] == second["to_seq"] + 1
    content = {"from_seq": 1, "to_seq": second["to_seq"], "summary": "Two parts in one line."}
    await at(journey, grant, "POST", "/compactions", **content)
    view = await task.resume()
    assert [one["summary"] for one in view["summaries"]] == ["Two parts in one line.", "Part 2 in short."]
    assert texts(view["events"]) == [f"part 2, {number}" for number in range(15, 20)]
    assert texts(await task.events()) == texts(view["events"])  # also for whoever reads from the beginning
