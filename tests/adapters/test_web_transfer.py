"""A chat begun in one browser goes on in another, in the middle of an answer and of a tool call, with either SDK."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import pytest
from clients_place import Place
from journey import Journey, open_journey
from playwright.async_api import Browser, expect
from segue_demo.enrolled import Person
from talking_agent import Agent
from web_package import built_package, run_tool
from web_stage import PAGES, ChatPage, Effects, chat_page, chromium, served_pages

pytestmark = [pytest.mark.browser, pytest.mark.anyio, pytest.mark.requirement("E3", "R62")]

COMPARE = {"tool": "compare", "title": "Compare the cap", "arguments": {"clause": "7.2"}, "effect": "idempotent"}
SEND = {"tool": "send", "title": "Send the draft", "arguments": {"to": "Acme"}, "effect": "irreversible"}
WAITS = {"vercel": "input-available", "tanstack": "input-complete"}
SUCCEEDED = {"vercel": "output-available", "tanstack": "complete"}
"""What the SDKs call it."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as a bundler makes them of the package: types checked, one file each."""
    package = built_package(tmp_path_factory.mktemp("web"))
    shutil.copytree(PAGES, package / "pages")
    run_tool(package, "tsc", "-p", "pages")
    sources = [f"pages/{sdk}.ts" for sdk in ("vercel", "tanstack")]
    run_tool(package, "esbuild", *sources, "--bundle", "--format=esm", "--outdir=bundles", "--log-level=warning")
    return package / "bundles"


@pytest.fixture(scope="module")
def effects(place: Place) -> Iterator[Effects]:
    effects = Effects()
    with served_pages(place.site, effects):
        yield effects


@pytest.fixture(params=["vercel", "tanstack"])
def program(request: pytest.FixtureRequest, bundles: Path, effects: Effects) -> Path:
    effects.executed, effects.finished = [], False
    return bundles / f"{request.param}.js"


@pytest.fixture
async def browser(place: Place) -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
async def desktop(browser: Browser, journey: Journey, program: Path) -> AsyncIterator[ChatPage]:
    """Signed in, with a new task."""
    async with chat_page(browser, journey, program) as page:
        await page.sign_in()
        yield page


@pytest.fixture
async def phone(browser: Browser, journey: Journey, program: Path) -> AsyncIterator[ChatPage]:
    async with chat_page(browser, journey, program) as page:
        yield page


@pytest.fixture(scope="module")
def vendor(place: Place) -> Person:
    """Whose agent it is."""
    return place.enrol("vendor")


@pytest.fixture
async def agent(place: Place, vendor: Person, desktop: ChatPage) -> AsyncIterator[Agent]:
    """Takes part in the task, with a grant of its own that outlives the customer's devices."""
    async with open_journey(place.site, vendor) as at_agent:
        invited = await desktop.device("invite")
        await at_agent.browser.answer_invitation(invited["invitation_uri"])
        grant = await at_agent.begin(task=(await desktop.device("details"))["task_id"])
        yield Agent(grant, store=place.site.store)


async def until(happened: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not happened():  # noqa: ASYNC110 - told by a browser
            await anyio.sleep(0.05)


async def until_held_anew(agent: Agent, call_id: str) -> None:
    with anyio.fail_after(30):
        while (await agent.task.tool_call(call_id))["attempt"] < 2:  # noqa: ASYNC110 - told by a browser
            await anyio.sleep(0.1)


async def test_an_answer_goes_on_where_it_was_on_another_device_and_the_first_one_is_fenced(
    desktop: ChatPage, phone: ChatPage, agent: Agent
) -> None:
    await agent.say("What shall we do?")
    await desktop.chat("say", "Compare the caps")
    await agent.hear("Compare the caps")
    await desktop.expect_status("submitted")
    answer = await agent.begin()
    await answer.grow("The cap ")
    await answer.grow("is ")
    await desktop.expect_said("Compare the caps", "The cap is")
    assert await desktop.device("extractable") is False
    await desktop.hand_over(phone)
    await agent.catch_up()
    await phone.expect_said("What shall we do?", "Compare the caps", "The cap is")
    await phone.expect_status("streaming")
    for piece in ("twelve ", "months."):
        await answer.grow(piece)
    await answer.finish()
    for device in (phone, desktop):
        await expect(device.page.locator("#messages .words").last).to_have_text("The cap is twelve months.")
        await device.expect_status("ready")
        assert "".join(await device.deltas()) == "The cap is twelve months."
    assert (await phone.device("details"))["epoch"] == 2
    await phone.chat("again")
    await phone.expect_said("What shall we do?", "Compare the caps", "The cap is twelve months.")
    await phone.expect_status("ready")
    await desktop.chat("say", "And the notice period?")
    await expect(desktop.error).to_contain_text("another device has it; this one may read it")
    await phone.chat("say", "And the notice period?")
    await agent.hear("And the notice period?")
    await agent.say("Thirty days.")
    await phone.expect_status("ready")
    await phone.reload()
    said = ["What shall we do?", "Compare the caps", "The cap is twelve months.", "And the notice period?"]
    await phone.expect_said(*said, "Thirty days.")
    assert await agent.asked() == ["Compare the caps", "And the notice period?"]


async def test_a_reload_in_the_middle_and_a_line_that_breaks_lose_nothing_and_double_nothing(
    desktop: ChatPage, agent: Agent
) -> None:
    await desktop.chat("say", "Tell me")
    await agent.hear("Tell me")
    for text in ("Let me see.", "Yes."):
        await agent.say(text, continues=True)
    answer = await agent.begin()
    await answer.grow("One 🌍 ")
    await desktop.expect_said("Tell me", "Let me see.", "Yes.", "One 🌍")
    await desktop.reload()
    await answer.grow("two ")
    await desktop.expect_said("Tell me", "Let me see.", "Yes.", "One 🌍 two")
    await desktop.page.context.set_offline(True)
    await answer.grow("three ")
    await desktop.expect_said("Tell me", "Let me see.", "Yes.", "One 🌍 two")
    await desktop.page.context.set_offline(False)
    await desktop.expect_said("Tell me", "Let me see.", "Yes.", "One 🌍 two three")
    await desktop.page.context.set_offline(True)
    await answer.grow("four.")
    await answer.finish()
    await desktop.page.context.set_offline(False)
    said = ("Tell me", "Let me see.", "Yes.", "One 🌍 two three four.")
    await desktop.expect_said(*said)
    await desktop.expect_status("ready")
    assert "".join(await desktop.deltas()) == "Let me see.Yes.One 🌍 two three four."
    await desktop.page.context.set_offline(True)
    await desktop.chat("say", "Again")
    await expect(desktop.error).to_contain_text("no answer from")
    await desktop.page.context.set_offline(False)
    await desktop.chat("again")
    await agent.hear("Again")
    await agent.say("Once more.")
    await desktop.expect_said(*said, "Again", "Once more.")
    await desktop.chat("again")
    await desktop.expect_said(*said, "Again", "Once more.")
    await desktop.expect_status("ready")
    assert await agent.asked() == ["Tell me", "Again"]


async def test_a_tool_call_that_runs_at_the_transfer_is_shown_on_the_other_device_and_runs_once(
    desktop: ChatPage, phone: ChatPage, agent: Agent, effects: Effects
) -> None:
    await desktop.chat("say", "Compare the caps")
    await agent.hear("Compare the caps")
    call = await agent.task.propose(COMPARE)
    await desktop.expect_call(WAITS[desktop.sdk])
    await until(lambda: effects.executed)
    await desktop.hand_over(phone)
    await agent.catch_up()
    await phone.expect_call(WAITS[phone.sdk])
    await expect(desktop.page.locator("body")).to_have_attribute("data-tools", "stopped")
    await until_held_anew(agent, call["call_id"])
    effects.finished = True
    for device in (phone, desktop):
        await device.expect_call(SUCCEEDED[device.sdk])
        await expect(device.page.locator("#messages code")).to_contain_text("31 of 40")
    await agent.say("31 of 40 have it.")
    for device in (phone, desktop):
        await device.expect_status("ready")
        await device.expect_said("Compare the caps", "31 of 40 have it.")
    assert len(effects.executed) == 1
    assert (await agent.task.tool_call(call["call_id"]))["attempt"] == 2
    await phone.reload()
    await phone.expect_call(SUCCEEDED[phone.sdk])
    await phone.expect_said("Compare the caps", "31 of 40 have it.")


async def test_a_page_that_stops_leaves_its_tool_call_to_whoever_goes_on_with_it(
    desktop: ChatPage, agent: Agent, effects: Effects
) -> None:
    call = await agent.task.propose(COMPARE)
    await until(lambda: effects.executed)
    await desktop.device("stopTools")
    await expect(desktop.page.locator("body")).to_have_attribute("data-tools", "stopped")
    await desktop.page.wait_for_load_state("networkidle")
    assert (await agent.task.tool_call(call["call_id"]))["state"] == "running"
    effects.finished = True
    await desktop.reload()
    await desktop.expect_call(SUCCEEDED[desktop.sdk])
    assert len(effects.executed) == 1


async def test_a_person_decides_about_a_call_and_stops_an_answer_and_a_forgotten_draft_goes(
    desktop: ChatPage, agent: Agent
) -> None:
    await desktop.chat("say", "Send it")
    await agent.hear("Send it")
    call = await agent.task.propose(SEND)
    await desktop.expect_call("approval-requested" if desktop.sdk == "vercel" else "input-complete")
    await desktop.chat("decide", call["call_id"], False)
    await desktop.expect_call("output-denied" if desktop.sdk == "vercel" else "error")
    answer = await agent.begin()
    await answer.grow("Then I will ")
    await desktop.expect_said("Send it", "Then I will")
    await desktop.chat("interrupt")
    await answer.finish(interrupted=True)
    await desktop.expect_status("ready")
    await desktop.chat("say", "Write it down")
    await agent.hear("Write it down")
    given_up = await agent.begin()
    await given_up.grow("I cannot")
    await desktop.expect_said("Send it", "Then I will", "Write it down", "I cannot")
    await given_up.finish("It is written.")
    await desktop.expect_said("Send it", "Then I will", "Write it down", "It is written.")
    await desktop.expect_status("ready")
