"""The deployment's own paragraph in a resume: a callable for embedders, or a service that is asked over HTTP."""

import json
from typing import Any

import httpx2
import pytest
from resource_world import NAME, TASK, StoreWorld, item
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.resume import Facts
from segue_resource.text_hook import HookFailed, paragraph_over_http

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T5", "R6")]

URL = "https://words.example/paragraph"
FACTS = Facts(task_id=TASK, name=NAME, status=Status.OPEN, working_set=[], tool_calls=[], paragraph="Plain.")


async def test_the_resume_says_who_wrote_its_paragraph(store: StoreWorld) -> None:
    seen: list[Facts] = []

    async def write(facts: Facts) -> str:
        seen.append(facts)
        return "You were about to ask whose courts decide."

    device = store.device()
    await device.put("courts", item("Whose courts decide?", type="question", status="open", body="SECRET"))
    await device.say("SECRET")
    await device.propose(arguments={"secret": "SECRET"})
    plain = await device.read("/resume")
    assert plain["paragraph_source"] == "store"
    store.paragraph_writer = write
    await store.restart()
    view = await device.read("/resume")
    assert (view["paragraph"], view["paragraph_source"]) == (
        "You were about to ask whose courts decide.",
        "deployment",
    )
    assert {**view, "paragraph": "", "paragraph_source": ""} == {**plain, "paragraph": "", "paragraph_source": ""}
    (facts,) = seen
    assert (facts.task_id, facts.name, facts.status, facts.paragraph) == (TASK, NAME, "open", plain["paragraph"])
    assert [(fact.type, fact.title, fact.status) for fact in facts.working_set] == [
        ("question", "Whose courts decide?", "open")
    ]
    assert [(fact.title, fact.state) for fact in facts.tool_calls] == [("Compare the clauses", "approved")]
    assert "SECRET" not in repr(facts)
    await device.say("more talk")
    await device.read("/resume")
    assert len(seen) == 1


async def test_a_writer_that_fails_leaves_the_resume_whole(store: StoreWorld) -> None:
    async def write(_: Facts) -> str:
        raise OSError("away")

    store.paragraph_writer = write
    await store.restart()
    view = await store.device().read("/resume")
    assert (view["paragraph_source"], view["cursor"]) == ("store", 1)


def service(status: int, content: bytes, asked: list[Any] | None = None) -> httpx2.AsyncClient:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            asked.append((request.method, str(request.url), json.loads(request.content)))
        return httpx2.Response(status, content=content, headers={"Location": "https://elsewhere.example/"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


async def test_a_service_is_sent_the_facts_and_gives_the_paragraph() -> None:
    asked: list[Any] = []
    async with service(200, b'{"paragraph": "In our words.", "model": "m"}', asked) as http:
        assert await paragraph_over_http(URL, http)(FACTS) == "In our words."
    assert asked == [
        (
            "POST",
            URL,
            {
                "task_id": TASK,
                "name": NAME,
                "status": "open",
                "working_set": [],
                "tool_calls": [],
                "paragraph": "Plain.",
            },
        )
    ]


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (500, b'{"paragraph": "x"}'),
        (302, b'{"paragraph": "x"}'),
        (200, b""),
        (200, b"[]"),
        (200, b'{"paragraph": 7}'),
        (200, b'{"paragraph": "' + b"x" * 20_000 + b'"}'),
    ],
)
async def test_any_other_answer_of_a_service_is_none(status: int, content: bytes) -> None:
    async with service(status, content) as http:
        with pytest.raises(HookFailed):
            await paragraph_over_http(URL, http)(FACTS)
