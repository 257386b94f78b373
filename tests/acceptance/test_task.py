"""The task as the unit of memory: its id, its name, its sessions, and how a person finds it again."""

import asyncio
from html import unescape
from re import findall
from typing import Any

import pytest
from deployment import Deployment
from journey import Journey, item, open_journey, said, texts
from running_demo import RunningDemo
from segue.jose import parse
from segue_client import authorization
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_demo.enrolled import Person
from segue_demo.site import DESKTOP_ACTIONS

pytestmark = pytest.mark.anyio


async def offered_tasks(journey: Journey) -> tuple[list[str], str]:
    """What a new device's consent page lets the person choose, and the page."""
    request = await authorization.begin(
        journey.desktop(), redirect_uri=journey.site.desktop_redirect_uri, actions=sorted(DESKTOP_ACTIONS)
    )
    page = (await journey.pages.get(request.url)).text
    return [unescape(value) for value in findall(r'name="task" value="(tsk_[^"]+|new)"', page)], unescape(page)


async def end_session(journey: Journey, grant: Grant, session_id: str) -> int:
    path = f"/tasks/{grant.task_id}/sessions/{session_id}"
    return (await journey.at_store(grant, "DELETE", path)).status_code


async def sessions(journey: Journey, grant: Grant) -> dict[str, Any]:
    answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/sessions")
    return {session["session_id"]: session for session in answer.json()["sessions"]}


async def test_r1_a_task_is_remembered_under_its_own_id_whatever_sessions_come_and_go(journey: Journey) -> None:
    grant = await journey.begin()
    session = await journey.task(grant).join(name="First tab", transport="http")
    await journey.task(grant).create_item("cap", item("decision", "Liability is capped"))
    await journey.task(grant).append([said("we agreed on the cap")])
    assert await end_session(journey, grant, session["session_id"]) == 204
    again = await journey.begin(task=grant.task_id)
    other = await journey.task(again).join(name="Second tab", transport="http")
    view = await journey.task(again).resume()
    assert again.task_id == grant.task_id == view["task"]["task_id"]
    assert len({grant.task_id, session["session_id"], other["session_id"]}) == 3
    assert [found["title"] for found in view["working_set"]] == ["Liability is capped"]
    assert texts(view["events"]) == ["we agreed on the cap"]


async def test_r2_the_agent_proposes_a_name_and_the_person_accepts_or_changes_it(journey: Journey) -> None:
    accepted = await journey.begin("Acme contract revision", propose="Acme contract revision")
    named = await journey.begin("Acme, clauses 7 and 8", propose="Acme contract revision")
    views = [(await journey.task(grant).resume())["task"] for grant in (accepted, named)]
    assert [(view["name"], view["name_source"]) for view in views] == [
        ("Acme contract revision", "agent_accepted"),
        ("Acme, clauses 7 and 8", "person"),
    ]
    path, condition = f"/tasks/{accepted.task_id}", {"If-Match": f'"{views[0]["version"]}"'}
    renamed = await journey.at_store(accepted, "PATCH", path, json={"name": "Acme, last round"}, headers=condition)
    assert (renamed.status_code, renamed.json()["name_source"]) == (200, "person")
    proposed = await journey.at_store(accepted, "POST", f"{path}/name-proposals", json={"name": "Acme, signed"})
    view = (await journey.task(accepted).resume())["task"]
    assert (proposed.status_code, view["name"]) == (201, "Acme, last round")
    assert view["name_proposal"] == proposed.json()
    assert "Acme, last round" in (await journey.task(accepted).resume())["greeting"]
    assert "Acme, last round" in (await offered_tasks(journey))[1]
    condition = {"If-Match": f'"{view["version"]}"'}
    agreed = await journey.at_store(accepted, "PATCH", path, json={"name": "Acme, signed"}, headers=condition)
    assert (agreed.json()["name_source"], agreed.json()["name_proposal"]) == ("agent_accepted", None)


async def test_r4_a_session_belongs_to_its_task_and_to_no_other(journey: Journey) -> None:
    here, elsewhere = await journey.begin(), await journey.begin("Another task")
    session = await journey.task(here).join(name="Desktop", transport="http")
    phone = await journey.hand_over(here, mode="share")
    joined = await journey.task(phone).join(name="Phone", transport="http")
    listed = await sessions(journey, phone)
    assert {session["task_id"] for session in listed.values()} == {here.task_id}
    assert set(listed) == {session["session_id"], joined["session_id"]}
    assert len({session["device_id"] for session in listed.values()}) == 2
    assert await sessions(journey, elsewhere) == {}
    foreign = {"events": [said("as if it were ours")], "session_id": session["session_id"]}
    refused = await journey.at_store(elsewhere, "POST", f"/tasks/{elsewhere.task_id}/events", json=foreign)
    assert refused.json()["type"] == "urn:segue:problem:not-your-session"
    assert await end_session(journey, elsewhere, session["session_id"]) == 404
    assert (await sessions(journey, here))[session["session_id"]]["ended_at"] is None


async def test_r5_a_new_device_lists_the_persons_open_tasks_and_continues_one_or_begins_another(
    demo: RunningDemo, journey: Journey, stranger: Person
) -> None:
    async with open_journey(demo.site, stranger) as theirs:
        foreign = await theirs.begin("Somebody else's task")
    contract, trip = await journey.begin("Contract"), await journey.begin("Business trip")
    await journey.task(trip).create_item("hotel", item("question", "Which hotel?"))
    offered, page = await offered_tasks(journey)
    assert {contract.task_id, trip.task_id, "new"} <= set(offered)
    assert foreign.task_id not in offered
    assert "Somebody else" not in page
    assert "Business trip" in page
    assert "1 open question" in page
    chosen = await journey.begin(task=trip.task_id)
    begun = await journey.begin("Third task")
    assert chosen.task_id == trip.task_id
    assert begun.task_id not in offered
    assert (await journey.task(chosen).resume())["working_set"][0]["title"] == "Which hotel?"
    assert (await journey.task(begun).resume())["working_set"] == []


async def test_r7_telemetry_and_evaluations_can_join_sessions_and_tasks(deployment: Deployment) -> None:
    async with open_journey(deployment.site, deployment.person) as journey:
        desktop = await journey.begin()
        phone = await journey.hand_over(desktop, mode="share")
        joined = {
            (await journey.task(grant).join(name=name, transport="http"))["session_id"]: grant
            for grant, name in ((desktop, "Desktop"), (phone, "Phone"))
        }
        for session_id, grant in joined.items():
            headers = {"Task-Session": session_id}
            answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/events", headers=headers)
            assert (answer.headers["Task-Id"], answer.headers["Task-Session"]) == (grant.task_id, session_id)
        rows = await sessions(journey, desktop)
        logged = [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in (deployment.folder / "resource" / "log").read_text().splitlines()
            if "request_log" in line
        ]
        for session_id in joined:
            (line,) = [found for found in logged if found.get("session_id") == session_id]
            assert (line["task_id"], line["route"]) == (desktop.task_id, "/tasks/{task_id}/events")
            assert line["device_id"] == rows[session_id]["device_id"]
            query = f"device_id={line['device_id']}&since={rows[session_id]['started_at']}"
            path = f"/tasks/{desktop.task_id}/sessions?{query}"
            found = await journey.at_store(desktop, "GET", path)
            assert [row["session_id"] for row in found.json()["sessions"]] == [session_id]


async def test_r10_one_connection_serves_several_tasks_and_switches_between_them(journey: Journey) -> None:
    device = journey.desktop()
    contract = await journey.begin("Contract", device=device)
    trip = await journey.begin("Business trip", device=device)

    async def join(grant: Grant, reason: str) -> Any:
        content = {"name": "Desktop", "transport": "http", "connection_id": "con_1", "reason": reason}
        return (await journey.at_store(grant, "POST", f"/tasks/{grant.task_id}/sessions", json=content)).json()

    async def leave(grant: Grant, session: Any) -> None:
        path = f"/tasks/{grant.task_id}/sessions/{session['session_id']}?reason=switched"
        assert (await journey.at_store(grant, "DELETE", path)).status_code == 204

    first = await join(contract, "opened")
    await journey.task(contract).append([said("about the contract")])
    await leave(contract, first)
    second = await join(trip, "switched")
    await journey.task(trip).append([said("about the trip")])
    await leave(trip, second)
    third = await join(contract, "switched")
    assert first["device_id"] == second["device_id"] == third["device_id"]
    switches = {
        grant.task_id: [
            (event["kind"], event["body"]["reason"])
            for event in await journey.task(grant).events()
            if event["body"].get("connection_id") == "con_1"
        ]
        for grant in (contract, trip)
    }
    assert switches[contract.task_id] == [
        ("session.joined", "opened"),
        ("session.left", "switched"),
        ("session.joined", "switched"),
    ]
    assert switches[trip.task_id] == [("session.joined", "switched"), ("session.left", "switched")]
    for grant, other in ((contract, trip), (trip, contract)):
        assert other.task_id not in str(await journey.task(grant).events())
        assert len(texts(await journey.task(grant).events())) == 1
        for path in ("", "/resume", "/events", "/sessions"):
            crossed = await journey.at_store(grant, "GET", f"/tasks/{other.task_id}{path}")
            assert crossed.status_code == 404


async def test_r25_one_stable_id_is_in_everything_that_traces_resumes_replays_or_counts(
    demo: RunningDemo, journey: Journey
) -> None:
    desktop = await journey.begin()
    task_id = desktop.task_id
    call = await journey.run_call(desktop)
    phone = await journey.hand_over(desktop)
    await journey.task(phone).join(name="Phone", transport="http")
    tokens = [parse(await grant.token(audience)).claims() for grant in (desktop, phone) for audience in audiences(demo)]
    assert {token["authorization_details"][0]["task_id"] for token in tokens} == {task_id}
    assert len({token["device_id"] for token in tokens}) == 2
    view = await journey.task(phone).resume()
    assert view["task"]["task_id"] == task_id
    assert {session["task_id"] for session in view["sessions"]} == {task_id}
    replayed = await journey.at_store(phone, "GET", f"/tasks/{task_id}/events?after=0")
    assert replayed.json()["events"][0]["kind"] == "task.created"
    assert call["downstream_key"] == f"{task_id}/{call['call_id']}"
    assert [job["key"] for job in demo.jobs() if job["key"].startswith(task_id)] == [call["downstream_key"]]


def audiences(demo: RunningDemo) -> list[str]:
    return [demo.site.store, demo.site.agent]


async def test_r39_many_tasks_of_one_agent_run_side_by_side_without_touching_each_other(
    demo: RunningDemo, journey: Journey
) -> None:
    grants = [await journey.begin(f"Contract {number}") for number in range(5)]

    async def work(grant: Grant) -> str:
        task = journey.task(grant)
        await task.create_item("draft", item("document", f"Draft of {grant.task_id}"))
        for turn in range(4):
            await task.append([said(f"{grant.task_id} {turn}")], key=f"turn-{turn}")
        return str((await journey.run_call(grant))["call_id"])

    calls = await asyncio.gather(*(work(grant) for grant in grants))
    for grant in grants:
        view = await journey.task(grant).resume()
        assert [found["title"] for found in view["working_set"]] == [f"Draft of {grant.task_id}"]
        assert texts(view["events"]) == [f"{grant.task_id} {turn}" for turn in range(4)]
        assert len(view["tool_calls"]) == 1
        assert len([job for job in demo.jobs() if job["key"].startswith(grant.task_id)]) == 1
    with pytest.raises(Refused, match="404"):
        await journey.task(grants[0]).tool_call(calls[1])
    for method, path in (("GET", "/resume"), ("GET", "/events"), ("DELETE", "/working-set/draft")):
        foreign = await journey.at_store(grants[0], method, f"/tasks/{grants[1].task_id}{path}")
        assert foreign.status_code == 404


async def test_r51_a_new_tab_without_a_session_id_reaches_the_task(journey: Journey) -> None:
    grant = await journey.begin("A task of yesterday")
    await journey.task(grant).join(name="Yesterday's tab", transport="http")
    await journey.task(grant).create_item("cap", item("decision", "Liability is capped", status="settled"))
    offered, _ = await offered_tasks(journey)
    tab = await journey.begin(task=next(task for task in offered if task == grant.task_id))
    view = await journey.task(tab).resume()
    assert "A task of yesterday" in view["greeting"]
    assert view["task"]["access"] == "write"
    await journey.task(tab).append([said("here again", role="customer")])
    assert texts(await journey.task(grant).events()) == ["here again"]
