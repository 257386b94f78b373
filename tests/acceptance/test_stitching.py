"""Stitching: a new session that goes on with an open task is flagged, and the person decides."""

import re
from html import unescape

import pytest
from journey import Journey, item, said
from segue_client import authorization, pull_transfer
from segue_client.device import Device
from segue_client.grant import Grant
from segue_demo.site import DESKTOP_ACTIONS

pytestmark = pytest.mark.anyio


async def offered(journey: Journey, about: str | None) -> tuple[list[str], str]:
    """What the page of a new device lets the person choose, in its order, and what it says may be continued."""
    request = await authorization.begin(
        journey.desktop(),
        redirect_uri=journey.site.desktop_redirect_uri,
        actions=sorted(DESKTOP_ACTIONS),
        about=about,
    )
    page = (await journey.pages.get(request.url)).text
    assert " checked" not in page
    why = re.findall(r'data-fact="likely" data-value="(tsk_[^"]+)">\s*(.*?)</small>', page, re.S)
    told = " ".join(re.sub(r"<[^>]+>", "", unescape(f"{task_id}: {reason}")) for task_id, reason in why)
    return re.findall(r'name="task" value="(tsk_[^"]+|new)"', page), told


async def two_tasks(journey: Journey) -> tuple[Grant, Grant]:
    """One about a lighthouse; a younger one about beekeeping."""
    first, second = await journey.begin("Lighthouse restoration"), await journey.begin("Beekeeping course")
    await journey.task(first).create_item("lamp", item("question", "Who repairs the Fresnel lens?"))
    await journey.task(first).append([said("The quote is in lantern_room.pdf", role="customer")])
    await journey.task(second).append([said("Which Sunday is free?", role="customer")])
    return first, second


async def test_r8_a_new_session_that_continues_an_open_task_is_flagged_with_the_reason(journey: Journey) -> None:
    lighthouse, _ = await two_tasks(journey)
    tasks, told = await offered(journey, "Did anybody find somebody for the Fresnel lens? see lantern_room.pdf")
    assert tasks[0] == lighthouse.task_id
    assert told.startswith(f"{lighthouse.task_id}: May continue this: it names lantern_room.pdf too, both speak of")
    assert "Fresnel" in told


async def test_r30_the_returning_person_decides_whether_it_is_new_or_a_continuation(journey: Journey) -> None:
    lighthouse, bees = await two_tasks(journey)
    tasks, told = await offered(journey, "What is the capital of Mongolia?")
    assert (tasks[-1], told) == ("new", "")
    assert {lighthouse.task_id, bees.task_id} < set(tasks)
    for task, about in ((lighthouse.task_id, "the lens of the lighthouse"), ("new", "the lens of the lighthouse")):
        phone = journey.phone()
        asked = await pull_transfer.ask(phone, actions=["task:read"], device_name="Phone", about=about)
        grant = await _approved(journey, phone, asked, task)
        assert (grant.task_id == lighthouse.task_id) == (task != "new")


async def _approved(journey: Journey, phone: Device, asked: pull_transfer.Asked, task: str) -> Grant:
    wait = pull_transfer.waiting(phone, asked)
    page = await journey.browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    await journey.browser.approve(page, task=task, name="Something new", check_value=await wait.check_value())
    return await wait.grant()
