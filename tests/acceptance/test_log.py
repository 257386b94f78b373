"""The log of a task: what is written for each turn, in which order, and how it reaches whoever reconnects."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import httpx2
import pytest
from deployment import Deployment
from journey import Journey, item, open_journey, said, texts
from running_demo import RunningDemo
from segue_client.device import Refused
from segue_client.grant import Grant

pytestmark = pytest.mark.anyio


async def test_r18_each_turn_appends_its_messages_its_tool_results_and_the_state_drawn_from_it(
    journey: Journey,
) -> None:
    grant = await journey.begin()
    task, result = journey.task(grant), {"cap": "the fees of one year"}
    await task.append([said("What is our usual cap?", role="customer"), said("I look it up.")], key="turn-1")
    call = await journey.run_call(grant)
    await task.step(call["call_id"], "complete", fence=call["fence"], result=result)
    await task.create_item("usual-cap", item("fact", "The usual cap is the fees of one year", status="settled"))
    await task.append([said("One year's fees.")], key="turn-2")
    events = await task.events()
    told = [event for event in events if not event["kind"].startswith(("task.", "session."))]
    assert [event["kind"] for event in told] == [
        "message",
        "message",
        "tool_call.proposed",
        "tool_call.claimed",
        "tool_call.started",
        "tool_call.succeeded",
        "working_set.changed",
        "message",
    ]
    assert [event["role"] for event in told if event["kind"] == "message"] == ["customer", "agent", "agent"]
    assert told[6]["body"]["title"] == "The usual cap is the fees of one year"
    assert {event["actor"]["device_id"] for event in told} == {events[1]["actor"]["device_id"]}
    assert all(event["at"] > 0 for event in told)
    assert (await task.tool_call(call["call_id"]))["result"] == result
    assert (await task.resume())["working_set"][0]["type"] == "fact"


async def test_r49_an_answer_survives_a_closed_tab_and_a_change_of_network(demo: RunningDemo, journey: Journey) -> None:
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop, mode="share")
    agent, pieces = journey.task(desktop), [f"piece {number} of the answer" for number in range(12)]
    start = (await journey.task(phone).resume())["cursor"]
    follower = asyncio.create_task(follow(journey.task(phone).live_events(after=start), until=4))
    for piece in pieces[:4]:
        await agent.append([said(piece)])
    heard = await follower
    for piece in pieces[4:8]:  # nobody is there
        await agent.append([said(piece)])
    async with open_journey(demo.site, demo.person) as elsewhere:
        device = elsewhere.phone(key=phone.device.key)
        again = Grant(device, refresh_token=phone.refresh_token, details=phone.details)
        task = elsewhere.task(again)
        follower = asyncio.create_task(follow(task.live_events(after=heard[-1]["seq"]), until=8))
        for piece in pieces[8:]:
            await agent.append([said(piece)])
        heard += await follower
        assert texts(heard) == pieces
        assert [event["seq"] for event in heard] == list(range(start + 1, start + 13))
        await lose_an_answer(elsewhere, again)


async def lose_an_answer(journey: Journey, grant: Grant) -> None:
    """The network breaks after the server has written and before the device hears it; the device repeats."""
    task = journey.task(grant)
    journey.networks[0].loses_next = True
    with pytest.raises(httpx2.ReadError):
        await task.append([said("sent once")], key="said")
    await task.append([said("sent once")], key="said")
    assert texts(await task.events()).count("sent once") == 1


async def follow(stream: AsyncIterator[Any], *, until: int) -> list[Any]:
    """So many events of a live stream; then the connection is closed."""
    heard = []
    async with asyncio.timeout(20):
        async for event in stream:
            heard.append(event)
            if len(heard) == until:
                break
    return heard


async def test_r34_concurrent_requests_are_put_in_order_or_told_of_the_conflict(journey: Journey) -> None:
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop, mode="share")
    tasks = [journey.task(desktop), journey.task(phone)]
    answers = await asyncio.gather(*(tasks[n % 2].append([said(f"{n}")]) for n in range(20)))
    assert len({answer["first"] for answer in answers}) == 20
    assert sorted(texts(await tasks[0].events()), key=int) == [str(n) for n in range(20)]
    created = await outcomes(tasks[n % 2].create_item("cap", item("decision", f"Cap {n}")) for n in range(6))
    assert created.count(None) == 1
    replaced = await outcomes(
        tasks[n % 2].replace_item("cap", item("decision", f"New cap {n}"), version=1) for n in range(6)
    )
    assert replaced.count(None) == 1
    winner = (await tasks[0].resume())["working_set"][0]
    assert (winner["title"], winner["version"]) == (f"New cap {replaced.index(None)}", 2)
    losers = [refused for refused in replaced if refused is not None]
    assert {refused.status for refused in losers} == {412}
    assert all(refused.body["current"] == winner for refused in losers)


async def outcomes(attempts: Any) -> list[Refused | None]:
    """Of attempts made at once: the refusal of each, or None."""
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    unexpected = [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, Refused)]
    assert unexpected == []
    return [answer if isinstance(answer, Refused) else None for answer in answers]


async def test_r59_several_writers_at_several_servers_make_one_total_order(deployment: Deployment) -> None:
    async with open_journey(deployment.site, deployment.person) as journey:
        desktop = await journey.begin()
        phone = await journey.hand_over(desktop, mode="share")
        devices = [journey.task(desktop), journey.task(phone)]
        start = (await devices[0].resume())["cursor"]
        readers = [asyncio.create_task(follow(device.live_events(after=start), until=48)) for device in devices]

        async def write(writer: int) -> None:
            for number in range(12):
                await devices[writer % 2].append([said(f"{writer}:{number}")])

        await asyncio.gather(*(write(writer) for writer in range(4)))
        live = await asyncio.gather(*readers)
        log = (await devices[0].events())[start:]
        assert log == (await devices[1].events())[start:] == live[0] == live[1]
        assert [event["seq"] for event in log] == list(range(start + 1, start + 49))
        for writer in range(4):
            own = [text for text in texts(log) if text.startswith(f"{writer}:")]
            assert own == [f"{writer}:{number}" for number in range(12)]


async def test_r61_a_reader_that_reconnects_anywhere_gets_each_event_once_and_misses_none(journey: Journey) -> None:
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop, mode="share")
    writer, reader, dice = journey.task(desktop), journey.task(phone), Random(61)

    async def write() -> None:
        for number in range(60):
            await writer.append([said(f"{number}")])

    whole = (await reader.resume())["cursor"] + 60
    writing = asyncio.create_task(write())
    heard: list[Any] = []
    while len(heard) < whole:
        after = heard[-1]["seq"] if heard else 0
        heard += await follow(reader.live_events(after=after), until=min(dice.randint(1, 9), whole - len(heard)))
    await writing
    assert [event["seq"] for event in heard] == list(range(1, len(heard) + 1))
    assert texts(heard) == [str(number) for number in range(60)]
    assert heard == await reader.events()


async def test_r52_work_that_ends_while_nobody_is_there_is_pushed_to_whoever_reconnects(
    demo: RunningDemo, journey: Journey
) -> None:
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop, mode="share")
    call = await journey.run_call(desktop)
    left_at = (await journey.task(phone).resume())["cursor"]
    done = {"fence": call["fence"], "result": {"cap": "one year"}}
    await journey.task(desktop).step(call["call_id"], "complete", **done)  # nobody follows
    async with open_journey(demo.site, demo.person) as elsewhere:
        device = elsewhere.phone(key=phone.device.key)
        task = elsewhere.task(Grant(device, refresh_token=phone.refresh_token, details=phone.details))
        heard = await follow(task.live_events(after=left_at), until=1)
        assert (heard[0]["kind"], heard[0]["body"]["call_id"]) == ("tool_call.succeeded", call["call_id"])
        follower = asyncio.create_task(follow(task.live_events(after=heard[0]["seq"]), until=1))
        await journey.task(desktop).append([said("Shall I put it into the draft?")])
        assert texts(await follower) == ["Shall I put it into the draft?"]
        assert (await task.tool_call(call["call_id"]))["result"] == done["result"]


async def test_r57_a_person_speaks_while_the_agent_answers_and_stops_it(journey: Journey) -> None:
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop, mode="share")

    async def ask(grant: Grant, method: str, path: str, body: Any) -> httpx2.Response:
        return await journey.at_store(grant, method, f"/tasks/{grant.task_id}{path}", json=body)

    draft = (await ask(desktop, "POST", "/drafts", {"role": "agent"})).json()["draft_id"]
    written = await ask(desktop, "PATCH", f"/drafts/{draft}", {"offset": 0, "text": "Liability is capped at"})
    assert written.json()["length"] == 22
    await journey.task(phone).append([said("No, clause 9 please.", role="customer")])
    stopped = await ask(phone, "POST", f"/drafts/{draft}/interrupt", {})
    assert (stopped.status_code, stopped.json()["length"]) == (200, 22)
    refused = await ask(desktop, "PATCH", f"/drafts/{draft}", {"offset": 22, "text": " one year"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:segue:problem:interrupted")
    finished = said("Liability is capped at")
    finished["body"] |= {"draft_id": draft, "interrupted": True}
    await journey.task(desktop).append([finished])
    log = await journey.task(phone).events()
    assert texts(log) == ["No, clause 9 please.", "Liability is capped at"]
    (told,) = [event for event in log if event["kind"] == "draft.interrupted"]
    assert told["actor"]["device_id"] == log[-3]["actor"]["device_id"] != log[-1]["actor"]["device_id"]
