"""Streams of security events (OpenID SSF 1.0, CAEP 1.0, RFC 8417, 8935, 8936): what ended is told at least once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from anyio import to_thread
from authz_world import AGENT, DESKTOP_URI, ISSUER, PHONE, STORE, World
from hearing_server import POLL, PUSH, endpoint, hearing
from segue.jose import parse
from segue_authz import command
from segue_authz.domain.signal_stream import SESSION_REVOKED, VERIFICATION, Status
from segue_authz.stores.signals import AT_ONCE, KEEP, LOOK_BACK, PAUSES, VERIFY_EVERY
from segue_authz.stores.tables import signal_streams

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A15")]


async def tell(world: World) -> None:
    """What the server does again and again."""
    await world.app.state.signalling.signal()


async def withdrawn(world: World) -> str:
    """A grant that the person has ended just now."""
    desktop = await world.desktop()
    await world.withdrawals.grant(world.subject, desktop.grant_id, now=world.now)
    return desktop.grant_id


async def test_the_transmitter_says_what_it_is(world: World) -> None:
    told = (await world.http().get("/.well-known/ssf-configuration")).json()
    assert (told["issuer"], told["jwks_uri"], told["spec_version"]) == (ISSUER, f"{ISSUER}/jwks", "1_0")
    assert told["delivery_methods_supported"] == [PUSH, POLL]
    for name in ("configuration_endpoint", "status_endpoint", "verification_endpoint"):
        path = told[name].removeprefix(ISSUER)
        assert (await world.http().post(path, json={})).status_code == 401


@pytest.mark.requirement("XD-TOK-13", "XD-CONS-09")
@pytest.mark.parametrize("what", ["grant", "device", "everything", "report", "account", "client"])
async def test_whatever_ends_a_grant_is_told_once_for_each_stream(world: World, what: str) -> None:
    server, desktop, subject, now = await hearing(world), await world.desktop(), world.subject, world.now
    offer = (await desktop.offer("share")).json()
    phone = world.device(PHONE)
    claim = (await phone.claim(offer["transfer_code"])).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    await phone.redeem(claim["device_code"])
    await server.begin()
    await tell(world)
    assert await server.poll() == {}
    match what:
        case "grant":
            await world.withdrawals.grant(subject, phone.grant_id, now=now)
        case "device":
            await world.withdrawals.device(subject, phone.device_id, now=now)
        case "everything":
            await world.withdrawals.everything(subject, now=now)
        case "report":
            await world.withdrawals.report(subject, offer["transfer_id"], now=now)
        case "account":
            await world.accounts.disable(subject, now=now)
        case "client":
            await world.clients.disable(PHONE, now=now)
    await asyncio.gather(*(tell(world) for _ in range(4)))
    told = [await server.grant_of(event) for event in (await server.poll()).values()]
    both = {phone.grant_id, desktop.grant_id}
    assert sorted(str(each) for each in told) == sorted(both if what in ("everything", "account") else {phone.grant_id})


@pytest.mark.requirement("RFC8417-2-2", "RFC8417-4-5")
async def test_an_event_is_typed_addressed_and_nothing_else(world: World) -> None:
    server = await hearing(world)
    await server.begin()
    grant_id = await withdrawn(world)
    await tell(world)
    ((jti, event),) = (await server.poll()).items()
    token = parse(event)
    claims = token.claims()
    assert token.header["typ"] == "secevent+jwt"
    assert claims == {
        "iss": ISSUER,
        "aud": STORE,
        "iat": world.now,
        "jti": jti,
        "sub_id": {
            "format": "complex",
            "session": {"format": "opaque", "id": grant_id},
            "user": {"format": "iss_sub", "iss": ISSUER, "sub": world.subject},
        },
        "events": {SESSION_REVOKED: {"event_timestamp": world.now}},
    }
    introspected = await world.http().get("/jwks", headers={"Authorization": f"DPoP {event}"})
    assert introspected.status_code == 200, "a public document asks for no token"
    assert (await server.ask("GET", "/signals/stream", token=event)).status_code == 401, "an event is no access token"


@pytest.mark.requirement("RFC8936-2-4")
async def test_an_event_is_told_again_until_it_is_acknowledged(world: World) -> None:
    server = await hearing(world)
    await server.begin()
    for _ in range(2):
        await withdrawn(world)
    await tell(world)
    first = await server.poll()
    assert (len(first), (await server.poll()).keys()) == (2, first.keys())
    one, other = first
    assert (await server.poll(ack=[one])).keys() == {other}
    assert await server.poll(setErrs={other: {"err": "invalid_key", "description": "?"}}) == {}
    world.now += LOOK_BACK // 2
    await server.get_token()
    await tell(world)
    assert await server.poll() == {}


@pytest.mark.requirement("RFC8936-2-4")
async def test_a_poll_waits_for_something_and_takes_as_many_as_it_wants(world: World) -> None:
    server = await hearing(world)
    await server.begin()
    waiting = asyncio.create_task(server.poll(at_once=False))
    await asyncio.sleep(0.05)
    await withdrawn(world)
    await tell(world)
    async with asyncio.timeout(15):
        assert len(await waiting) == 1
    await withdrawn(world)
    await tell(world)
    answer = await server.ask("POST", f"/signals/poll/{server.stream_id}", {"maxEvents": 1, "returnImmediately": True})
    assert (len(answer.json()["sets"]), answer.json()["moreAvailable"]) == (1, True)
    assert await server.poll(maxEvents=0, at_once=False) == {}


@pytest.mark.requirement("RFC8935-2-1", "XD-TOK-13")
async def test_an_event_is_pushed_until_the_receiver_has_it_whatever_happens_meanwhile(world: World) -> None:
    server = await hearing(world)
    async with endpoint() as there:
        delivery = {"method": PUSH, "endpoint_url": there.url, "authorization_header": "Bearer of the receiver"}
        await server.begin(delivery)
        there.statuses = [500, 400]
        grant_id = await withdrawn(world)
        await tell(world)
        await tell(world)
        assert len(there.requests) == 1, "not again before its time"
        world.now += PAUSES[0]
        world.restart()
        await tell(world)
        world.now += PAUSES[1]
        await tell(world)
        world.now += 10 * PAUSES[-1]
        await tell(world)
        assert len(there.requests) == 3, "nor after it has arrived"
        assert len({parse(event).claims()["jti"] for event in there.events}) == 1
        assert [await server.grant_of(event) for event in there.events] == [grant_id] * 3
        headers, _ = there.requests[0]
        assert (headers["content-type"], headers["accept"]) == ("application/secevent+jwt", "application/json")
        assert headers["authorization"] == "Bearer of the receiver"
    kept = await world.database.read(
        lambda connection: connection.execute(sa.select(signal_streams.c.endpoint_authorization)).scalar_one()
    )
    assert "receiver" not in kept
    assert "receiver" not in (await server.ask("GET", "/signals/stream")).text


async def test_a_receiver_that_is_away_keeps_nobody_else_waiting(world: World) -> None:
    away, here = await hearing(world, "away"), await hearing(world, "here")
    async with endpoint() as there:
        await away.begin({"method": PUSH, "endpoint_url": "http://127.0.0.1:9/"})
        await here.begin({"method": PUSH, "endpoint_url": there.url})
        await withdrawn(world)
        await tell(world)
        assert len(there.requests) == 1


async def test_a_process_that_dies_with_events_in_its_hands_loses_none(world: World) -> None:
    server = await hearing(world)
    async with endpoint() as there:
        await server.begin({"method": PUSH, "endpoint_url": there.url})
        await withdrawn(world)
        signals = world.app.state.signalling._signals
        await signals.gather(now=world.now)
        assert len(await signals.take(now=world.now)) == 1, "taken, and never sent"
        world.restart()
        await tell(world)
        assert there.requests == []
        world.now += PAUSES[0]
        await tell(world)
        assert len(there.requests) == 1


async def test_what_was_committed_late_is_told_too(world: World) -> None:
    server = await hearing(world)
    await server.begin()
    desktop, began = await world.desktop(), world.now
    world.now += LOOK_BACK // 2 + 1
    await tell(world)
    await world.withdrawals.grant(world.subject, desktop.grant_id, now=began + 1)
    await tell(world)
    await server.get_token()
    assert len(await server.poll()) == 1


async def test_a_paused_stream_keeps_what_it_does_not_tell_and_a_disabled_one_does_not(world: World) -> None:
    server = await hearing(world)
    stream_id = await server.begin()

    async def become(status: str) -> dict[str, Any]:
        answer = await server.ask("POST", "/signals/status", {"stream_id": stream_id, "status": status, "reason": "r"})
        return dict(answer.json())

    assert await become("paused") == {"stream_id": stream_id, "status": "paused", "reason": "r"}
    await withdrawn(world)
    await tell(world)
    assert await server.poll() == {}
    await become("enabled")
    assert len(await server.poll()) == 1
    await become("disabled")
    await withdrawn(world)
    await tell(world)
    world.now += 1
    await become("enabled")
    await tell(world)
    assert await server.poll() == {}
    await withdrawn(world)
    await tell(world)
    assert len(await server.poll()) == 1
    assert (await server.ask("GET", f"/signals/status?stream_id={stream_id}")).json()["status"] == "enabled"


@pytest.mark.requirement("XD-TOK-13", "PROFILE-foreign-is-missing")
async def test_a_server_hears_nothing_that_is_for_another_one_alone(world: World) -> None:
    store, agent = await hearing(world, "store"), await hearing(world, "agent", audience=AGENT)
    await store.begin()
    foreign = await agent.begin()
    desktop = world.device()
    browser = world.browser()
    await browser.sign_in()
    verifier = "v" * 43
    form = desktop.request(verifier) | {"resource": AGENT}
    page = await browser.http.get("/authorize", params=form)
    fields = {"task": "new", "name": "Acme contract revision", "decision": "approve"}
    answer = await browser.submit("/authorize", page, **fields)
    code = dict(pair.split("=", 1) for pair in answer.headers["location"].partition("?")[2].split("&"))["code"]
    await desktop.token("authorization_code", code=code, redirect_uri=DESKTOP_URI, code_verifier=verifier)
    await world.withdrawals.grant(world.subject, desktop.grant_id, now=world.now)
    await tell(world)
    assert (len(await store.poll()), len(await agent.poll())) == (0, 1)
    for method, path in (
        ("GET", f"/signals/stream?stream_id={foreign}"),
        ("DELETE", f"/signals/stream?stream_id={foreign}"),
        ("GET", f"/signals/status?stream_id={foreign}"),
    ):
        assert (await store.ask(method, path)).status_code == 404
    for path in ("/signals/status", "/signals/verify", f"/signals/poll/{foreign}"):
        asked = await store.ask("POST", path, {"stream_id": foreign, "status": "disabled"})
        assert asked.status_code == 404
    assert (await store.ask("PATCH", "/signals/stream", {"stream_id": foreign})).status_code == 404


@pytest.mark.requirement("XD-TOK-13")
async def test_streams_are_for_servers_that_are_registered_for_them(world: World) -> None:
    mere, desktop = await hearing(world, "mere", services=frozenset({"introspection"})), await world.desktop()
    assert (await mere.ask("POST", "/signals/stream", {})).status_code == 403
    refused = await mere.ask("POST", "/signals/stream", {}, token=await desktop.issuer_token())
    assert refused.status_code == 401, "a task token opens no stream"
    server = await hearing(world)
    await server.begin()
    await world.clients.disable("hears", now=world.now)
    assert (await server.ask("GET", "/signals/stream")).status_code == 401


async def test_a_receiver_can_see_that_its_stream_works(world: World) -> None:
    server = await hearing(world)
    stream_id = await server.begin()
    asked = {"stream_id": stream_id, "state": "a-state"}
    assert (await server.ask("POST", "/signals/verify", asked)).status_code == 204
    assert (await server.ask("POST", "/signals/verify", asked)).status_code == 429
    (event,) = (await server.poll()).values()
    claims = parse(event).claims()
    assert claims["sub_id"] == {"format": "opaque", "id": stream_id}
    assert claims["events"] == {VERIFICATION: {"state": "a-state"}}
    assert await server.grant_of(event) is None
    world.now += VERIFY_EVERY
    assert (await server.ask("POST", "/signals/verify", {"stream_id": stream_id})).status_code == 204


async def test_a_stream_is_changed_in_part_or_whole_and_ended_with_all_it_holds(world: World) -> None:
    server = await hearing(world)
    stream_id = await server.begin()
    assert (await server.ask("POST", "/signals/stream", {})).status_code == 409
    changed = {"stream_id": stream_id, "description": "Ours", "events_requested": ["urn:unknown", SESSION_REVOKED]}
    told = (await server.ask("PATCH", "/signals/stream", changed)).json()
    assert (told["description"], told["events_delivered"]) == ("Ours", [SESSION_REVOKED])
    assert told["delivery"] == {"method": POLL, "endpoint_url": f"{ISSUER}/signals/poll/{stream_id}"}
    assert (await server.ask("GET", "/signals/stream")).json() == [told]
    told = (await server.ask("PUT", "/signals/stream", {"stream_id": stream_id})).json()
    assert ("description" in told, told["events_delivered"]) == (False, [])
    await withdrawn(world)
    await tell(world)
    assert await server.poll() == {}, "nothing was asked for"
    assert (await server.ask("DELETE", f"/signals/stream?stream_id={stream_id}")).status_code == 204
    assert (await server.ask("GET", "/signals/stream")).json() == []
    await server.begin()


@pytest.mark.parametrize(
    "asked",
    [
        [],
        {"events_requested": "all"},
        {"events_requested": ["a\0"]},
        {"description": 7},
        {"description": "x" * 1001},
        {"delivery": "push"},
        {"delivery": {"method": "fax"}},
        {"delivery": {"method": PUSH}},
        {"delivery": {"method": PUSH, "endpoint_url": "http://receiver.example/"}},
        {"delivery": {"method": PUSH, "endpoint_url": "https://user@receiver.example/"}},
        {
            "delivery": {
                "method": PUSH,
                "endpoint_url": "https://receiver.example/",
                "authorization_header": "a\r\nb: c",
            }
        },
    ],
)
async def test_what_makes_no_sense_begins_no_stream(world: World, asked: Any) -> None:
    server = await hearing(world)
    answer = await server.ask("POST", "/signals/stream", asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await server.ask("GET", "/signals/stream")).json() == []


@pytest.mark.parametrize(
    "asked",
    [
        {"maxEvents": -1},
        {"maxEvents": "1"},
        {"returnImmediately": 1},
        {"ack": "sig_1"},
        {"ack": ["\0"]},
        {"setErrs": []},
        {"setErrs": {"\0": {}}},
    ],
)
async def test_a_poll_that_makes_no_sense_acknowledges_nothing(world: World, asked: Any) -> None:
    server = await hearing(world)
    await server.begin()
    await withdrawn(world)
    await tell(world)
    answer = await server.ask("POST", f"/signals/poll/{server.stream_id}", asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert len(await server.poll()) == 1


async def test_what_nobody_fetched_is_given_up_after_a_week(world: World) -> None:
    server = await hearing(world)
    await server.begin()
    await withdrawn(world)
    await tell(world)
    world.now += KEEP + 1
    await tell(world)
    await server.get_token()
    assert await server.poll() == {}


async def test_many_are_told_in_turns(world: World) -> None:
    server = await hearing(world)
    async with endpoint() as there:
        await server.begin({"method": PUSH, "endpoint_url": there.url})
        browser, desktops = world.browser(), [world.device() for _ in range(AT_ONCE + 1)]
        await browser.sign_in()
        for desktop in desktops:
            await desktop.authorize(browser)
        await world.withdrawals.everything(world.subject, now=world.now)
        await tell(world)
        await tell(world)
        told = {await server.grant_of(event) for event in there.events}
        assert told == {each.grant_id for each in desktops}


async def test_an_operator_begins_and_ends_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    header = tmp_path / "header"
    header.write_text("Bearer of the receiver\n")
    (tmp_path / "authz-secret").write_bytes(b"s" * 32)

    def run(*words: str) -> tuple[int, Any]:
        status = command.stream([*words, "--json"])
        told = capsys.readouterr()
        return status, json.loads(told.out) if status == 0 else told.err

    def work() -> None:
        asked = ["--name", "Store", "--audience", STORE, "--secret", "--services", "signals"]
        assert command.client(["add", "store", *asked]) == 0
        capsys.readouterr()
        push = ("add", "store", "--push", "https://tasks.example/signals", "--authorization", str(header))
        status, told = run(*push)
        assert (status, told[0]["delivery"]) == (0, "https://tasks.example/signals")
        assert run(*push) == (1, "segue: store has a stream already\n")
        assert run("list") == (0, told)
        assert run("remove", "store")[1][0]["status"] == "removed"
        assert run("add", "store")[1][0]["delivery"] == "poll"
        run("remove", "store")
        for wrong in (("remove", "store"), ("add", "nobody"), ("add", "store", "--push", "http://10.0.0.1/")):
            assert run(*wrong)[0] == 1

    await to_thread.run_sync(work)


async def test_of_two_changes_of_the_state_one_wins_and_the_other_drops_nothing(world: World) -> None:
    server = await hearing(world)
    await server.begin()
    await withdrawn(world)
    await tell(world)
    signals = world.app.state.signalling._signals
    seen = await signals.stream("hears")
    assert await signals.set_status(seen, Status.PAUSED, reason=None, now=world.now)
    assert not await signals.set_status(seen, Status.DISABLED, reason=None, now=world.now)
    assert await signals.change(seen), "a change of what is asked for is no change of the state"
    assert (await signals.stream("hears")).status is Status.PAUSED
    assert await server.poll() == {}
    assert await signals.set_status(await signals.stream("hears"), Status.ENABLED, reason=None, now=world.now)
    assert len(await server.poll()) == 1
