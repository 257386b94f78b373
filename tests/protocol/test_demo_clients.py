"""The clients that integrators copy, copied as their READMEs say, against two servers and with people at browsers."""

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import segue_demo.agent.backend
from clients_place import CONSOLE, TERMINAL, Place, at_browser, copy_client, join, running_place, sign_in
from journey import Journey, open_journey, said, texts
from segue_client import push_transfer
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_demo.site import TASK_NAME
from server_process import end, launch
from terminal_program import PATIENCE, program

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E6", "U4")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_place(tmp_path_factory.mktemp("place")) as running:
        yield running


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the copies are."""
    folder = tmp_path_factory.mktemp("copies")
    for name in ("terminal", "console"):
        copy_client(name, folder)
    return folder


@pytest.fixture
async def journey(place: Place) -> AsyncIterator[Journey]:
    async with open_journey(place.site, place.person) as made:
        yield made


@pytest.fixture(scope="module")
def backend(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A copy of the agent backend in which nothing but the two addresses is changed."""
    folder = tmp_path_factory.mktemp("copied")
    text = Path(segue_demo.agent.backend.__file__).read_text("utf-8")
    for name, url in (("ISSUER", place.site.issuer), ("AUDIENCE", place.site.agent)):
        text, found = re.subn(rf'^{name} = "[^"]+"', f'{name} = "{url}"', text, flags=re.MULTILINE)
        assert found == 1
    (folder / "copied.py").write_text(text)
    port = int(place.site.agent.rpartition(":")[2])
    command = [sys.executable, "-m", "uvicorn", "copied:app", "--port", str(port), "--log-level", "warning"]

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    process = launch(command, folder, answers)
    yield
    end(process, signal.SIGTERM)


async def somebody_there(journey: Journey, grant: Grant) -> None:
    """Return once a person is present at the task."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/presence")).json()
            if found["somebody"]:
                return
            await asyncio.sleep(0.1)


@pytest.mark.requirement("A1", "A2")
@pytest.mark.usefixtures("backend")
async def test_a_terminal_asks_for_a_task_and_goes_on_with_the_agent(
    place: Place, journey: Journey, copied: Path
) -> None:
    desktop = await journey.begin()
    await journey.task(desktop).append([said("Two points need you.")])
    feed = f"{place.site.issuer}/withdrawals"
    before = (await journey.http.get(feed)).json()
    async with program("terminal", *place.servers, "--name", "Old terminal", copied=copied) as terminal:
        address = await terminal.photographed()
        user_code = address.partition("#")[2]
        assert terminal.printed[-1].endswith(user_code)
        page = await journey.browser.enter_code(address.partition("#")[0], user_code=user_code)
        assert "Old terminal" in page.text
        number = (await terminal.until("number there: ")).split()[-1]
        await journey.browser.approve(page, task=desktop.task_id, check_value=number)
        assert TASK_NAME in await terminal.until("Pick it up here?")
        assert len(await journey.task(desktop).events()) == 2, "nothing is loaded before the person agrees"
        terminal.type("")
        await terminal.until("agent: Two points need you.")
        terminal.type("Send it to counsel.")
        await terminal.until("customer: Send it to counsel.")
        await terminal.until(f"agent: In task {desktop.task_id} you said: Send it to counsel.")
        terminal.type("/quit")
        assert await terminal.ends() == 0
    after = (await journey.http.get(feed, params={"seen": before["tag"], "wait": 10})).json()
    assert len(set(after["grants"]) - set(before["grants"])) == 1, "what was granted ends with the program"
    log = await journey.task(desktop).events()
    assert [event["kind"] for event in log][-1] == "session.left"
    assert texts(log)[1:] == ["Send it to counsel.", f"In task {desktop.task_id} you said: Send it to counsel."]


@pytest.mark.usefixtures("backend")
async def test_the_copied_backend_opens_a_task_and_lets_nobody_in_without_a_token(
    place: Place, journey: Journey
) -> None:
    grant = await journey.begin()
    opening = await journey.at_agent(grant, "POST", "/turns", json={"task_name": TASK_NAME})
    assert (opening.status_code, opening.json()["message"]) == (200, "What shall we do?")
    assert (await journey.at_agent(grant, "POST", "/turns", json=["text"])).status_code == 400
    assert (await journey.http.post(f"{place.site.agent}/turns", json={"text": "x"})).status_code == 401
    reader = await journey.hand_over(grant, mode="share")
    await reader.end()
    with pytest.raises(Refused, match="invalid_grant"):
        await journey.at_agent(reader, "POST", "/turns", json={"text": "x"})


@pytest.mark.requirement("A2", "A4", "MCP-REDIRECT-a")
async def test_a_terminal_signs_in_and_passes_the_task_on_by_the_code_it_draws(
    place: Place, journey: Journey, copied: Path
) -> None:
    words = [*place.servers, "--client-id", TERMINAL, "--sign-in", "--redirect-uri", place.redirect_uri]
    async with program("terminal", *words, copied=copied) as terminal:
        await sign_in(terminal, journey.browser, place, task="new", name="Roof repair")
        terminal.type("y")
        await terminal.until("/offer")
        terminal.type("/invite supervisor")
        assert f"{place.site.issuer}/invitation#" in await terminal.until("only once")
        terminal.type("/offer")
        code = push_transfer.scanned_code(await terminal.photographed(), issuer=place.site.issuer)
        device = journey.phone()
        claim = await push_transfer.claim(device, transfer_code=code, device_name="Pocket phone")
        assert "Pocket phone" in await terminal.until("wants it")
        confirmation = re.search(r"http\S+/confirm/trf_[\w-]+", await terminal.until("/confirm/"))
        assert confirmation is not None
        await journey.browser.confirm(confirmation[0], check_value=claim.check_value)
        phone = await push_transfer.wait(device, claim)
        await journey.task(phone).resume()
        await terminal.until("the task moved to another device")
        terminal.type("Still here?")
        await terminal.until("stale-epoch")
        terminal.type("/quit")
        assert await terminal.ends() == 0
    assert (await journey.task(phone).resume())["task"]["name"] == "Roof repair"


@pytest.mark.requirement("A2")
async def test_a_terminal_takes_a_task_over_with_a_typed_code(place: Place, journey: Journey, copied: Path) -> None:
    desktop = await journey.begin()
    await journey.task(desktop).append([said("Hello \x1b[2J\nyou")])
    offer = await push_transfer.start(desktop, mode="share")
    async with program("terminal", *place.servers, offer.transfer_code.lower(), copied=copied) as terminal:
        number = (await terminal.until("number there: ")).split()[-1]
        await journey.browser.confirm(offer.confirmation_uri, check_value=number)
        await terminal.until("Pick it up here?")
        terminal.type("")
        assert "\x1b" not in await terminal.until("Hello")
        terminal.type("/person cold A refund.")
        await terminal.until("cold hand-over to the human_agent offered: A refund.")
        await somebody_there(journey, desktop)
        terminal.type("/quit")
        assert await terminal.ends() == 0


async def test_a_terminal_that_is_interrupted_gives_up_and_leaves_nothing_to_decide(
    place: Place, journey: Journey, copied: Path
) -> None:
    desktop = await journey.begin()
    offer = await push_transfer.start(desktop, mode="share")
    async with program("terminal", *place.servers, offer.transfer_code, copied=copied) as terminal:
        await terminal.until("number there: ")
        terminal.interrupt()
        assert await terminal.ends() == 130
    assert (await push_transfer.state(desktop, offer))["state"] == "cancelled"


async def test_a_code_of_another_issuer_and_a_server_that_is_not_there_are_told_in_a_line(
    place: Place, copied: Path
) -> None:
    foreign = "https://phone.example/#iss=https%3A%2F%2Fevil.example&transfer_code=x"
    async with program("terminal", *place.servers, foreign, copied=copied) as terminal:
        assert await terminal.ends() == 1
    async with program("terminal", "--authz", "http://127.0.0.1:1", copied=copied) as nowhere:
        assert await nowhere.ends() == 1
    for client in (terminal, nowhere):
        assert "Traceback" not in "\n".join(client.printed)
        assert client.printed[0].startswith("segue terminal: ")
    assert "not of the authorization server" in terminal.printed[0]


@pytest.mark.requirement("T15", "T16", "R55", "R56")
async def test_a_human_agent_accepts_a_cold_and_a_warm_hand_over_and_hands_back(
    place: Place, journey: Journey, copied: Path
) -> None:
    customer = await journey.begin("Refund")
    task = journey.task(customer)
    async with at_browser(place.enrol("human")) as browser:
        await join(journey, customer, browser, "human_agent")
        words = [*place.servers[:4], "--client-id", CONSOLE, "--redirect-uri", place.redirect_uri]
        async with program("console", *words, copied=copied) as console:
            await sign_in(console, browser, place, task=customer.task_id)
            assert "You are the human_agent" in await console.until("the agent answers")
            console.type("/accept")
            await console.until("No hand-over is offered")
            await task.hand_over(to_role="human_agent", mode="cold", reason="Over 500.")
            await console.until("cold hand-over to the human_agent offered: Over 500.")
            console.type("/accept")
            await console.until("the human_agent answers from now on (cold)")
            with pytest.raises(Refused, match="handed-over"):
                await task.append([said("I as well")])
            console.type("I take it from here.")
            await console.until("human_agent: I take it from here.")
            console.type("/return")
            await console.until("handed back: the agent answers again")
            await task.hand_over(to_role="human_agent", mode="warm", reason="Stay with us.")
            await console.until("warm hand-over")
            console.type("/accept")
            await console.until("answers from now on (warm)")
            await task.append([said("We both go on.")])
            await console.until("agent: We both go on.")
            call = await task.propose(
                {"tool": "refund", "title": "Refund 900", "arguments": {}, "effect": "irreversible"}
            )
            console.type(f"/approve {call['call_id']}")
            await console.until("“Refund 900”: approved")
            console.type("/audit")
            await console.until("There are /people")
            console.type("/quit")
            assert await console.ends() == 0
    assert texts(await task.events()) == ["I take it from here.", "We both go on."]


@pytest.mark.requirement("T15", "T17")
async def test_a_supervisor_sees_it_all_with_the_audit_and_says_nothing(
    place: Place, journey: Journey, copied: Path
) -> None:
    customer = await journey.begin("Watched")
    async with at_browser(place.enrol("supervisor")) as browser:
        await join(journey, customer, browser, "supervisor")
        words = [*place.servers[:4], "--client-id", CONSOLE, "--redirect-uri", place.redirect_uri]
        async with program("console", *words, copied=copied) as console:
            await sign_in(console, browser, place, task=customer.task_id)
            await console.until("You are the supervisor. Here: ")
            await journey.task(customer).append([said("Good morning")])
            await console.until("agent: Good morning")
            console.type("And I say")
            await console.until("watches and says nothing")
            console.type("/accept")
            await console.until("There are /people, /audit")
            console.type("/audit")
            await console.until("participant.joined by supervisor")
            (sub,) = [
                each["sub"]
                for each in (await journey.task(customer).resume())["participants"]
                if each["role"] == "supervisor"
            ]
            gone = await journey.at_store(customer, "DELETE", f"/tasks/{customer.task_id}/participants/{sub}")
            assert gone.status_code == 204
            assert await console.ends() == 1
    assert texts(await journey.task(customer).events()) == ["Good morning"]
