"""Passing a task to another device, and what its credential is good for."""

import asyncio
from typing import Any

import httpx2
import pytest
from journey import CALL, LEASE, Journey, item, open_journey, said, texts
from running_demo import RunningDemo
from segue.device_key import DeviceKey
from segue.jose import parse
from segue_authz.domain.bound_session import SETTLING
from segue_client import pull_transfer, push_transfer
from segue_client.device import Device, Refused
from segue_client.grant import Grant
from segue_demo.bound_session import BoundSession, proof
from segue_demo.browser import Browser
from segue_demo.enrolled import Person
from segue_demo.site import PHONE_ACTIONS

pytestmark = pytest.mark.anyio


async def test_r11_a_credential_resumes_this_task_from_another_device_and_after_a_reboot(journey: Journey) -> None:
    desktop, other = await journey.begin(), await journey.begin("Another task of the same person")
    phone = await journey.hand_over(desktop)
    kept = (phone.device.key.to_pem(), phone.refresh_token, dict(phone.details))
    key, refresh_token, details = DeviceKey.from_pem(kept[0]), kept[1], kept[2]
    rebooted = Grant(journey.phone(key=key), refresh_token=refresh_token, details=details)
    assert (await journey.task(rebooted).resume())["task"]["access"] == "write"
    await journey.task(rebooted).append([said("back again")])
    assert texts(await journey.task(rebooted).events()) == ["back again"]
    for path in ("", "/resume", "/events", "/working-set"):
        foreign = await journey.at_store(rebooted, "GET", f"/tasks/{other.task_id}{path}")
        assert foreign.status_code == 404, path


async def test_r12_what_one_device_authorises_another_consumes_pushed_or_pulled(journey: Journey) -> None:
    desktop = await journey.begin()
    phone = journey.phone()
    offer = await push_transfer.start(desktop, mode="move")
    claim = await push_transfer.claim(phone, transfer_code=offer.transfer_code.lower(), device_name="Phone")
    with pytest.raises(Refused, match="authorization_pending"):
        await push_transfer.redeem(phone, claim)
    await journey.browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
    pushed = await push_transfer.wait(phone, claim)
    assert (pushed.task_id, pushed.epoch) == (desktop.task_id, desktop.epoch + 1)
    tablet = journey.phone()
    pulled = await pull(journey, tablet, task_id=desktop.task_id)
    assert (pulled.task_id, pulled.epoch) == (desktop.task_id, desktop.epoch + 2)
    access = {}
    for name, grant in (("tablet", pulled), ("phone", pushed), ("desktop", desktop)):
        access[name] = (await journey.task(grant).resume())["task"]["access"]
    assert access == {"tablet": "write", "phone": "read", "desktop": "read"}


async def pull(journey: Journey, device: Device, *, task_id: str, mode: str = "move") -> Grant:
    """The device asks; the person enters its code, chooses the task and types the number that it shows then."""
    asked = await pull_transfer.ask(device, actions=sorted(PHONE_ACTIONS), device_name="Tablet")
    waiting = pull_transfer.waiting(device, asked)
    page = await journey.browser.enter_code(asked.verification_uri, user_code=asked.user_code)
    check_value = await waiting.check_value()
    await journey.browser.approve(page, check_value=check_value, task=task_id, mode=mode)
    return await waiting.grant()


async def test_r13_a_credential_is_honoured_with_the_key_of_its_device_and_with_no_other(journey: Journey) -> None:
    desktop = await journey.begin()
    phone = journey.phone()
    offer = await push_transfer.start(desktop, mode="share")
    claim = await push_transfer.claim(phone, transfer_code=offer.transfer_code, device_name="Phone")
    await journey.browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
    thief = journey.phone()
    with pytest.raises(Refused, match="invalid_grant"):
        await push_transfer.redeem(thief, claim)
    grant = await push_transfer.redeem(phone, claim)
    stolen = Grant(thief, refresh_token=grant.refresh_token, details=grant.details)
    with pytest.raises(Refused, match="invalid_grant"):
        await stolen.token(journey.site.store)
    for where in (f"{journey.site.store}/tasks/{grant.task_id}", f"{journey.site.agent}/jobs/{grant.task_id}/none"):
        audience = journey.site.store if where.startswith(journey.site.store) else journey.site.agent
        token = await grant.token(audience)
        assert (await thief.send("GET", where, access_token=token)).status_code == 401
        assert (await journey.http.get(where, headers={"Authorization": f"DPoP {token}"})).status_code == 401
        assert (await journey.http.get(where, headers={"Authorization": f"Bearer {token}"})).status_code == 401
        assert (await phone.send("GET", where, access_token=token)).status_code in (200, 404)
    await the_same_proof_is_not_accepted_twice(journey, grant)


async def the_same_proof_is_not_accepted_twice(journey: Journey, grant: Grant) -> None:
    url, token = f"{journey.site.store}/tasks/{grant.task_id}", await grant.token(journey.site.store)
    nonce = (await grant.device.send("GET", url, access_token=token)).headers["DPoP-Nonce"]
    proof = grant.device.key.proof("GET", url, now=grant.device.clock(), nonce=nonce, access_token=token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    assert [(await journey.http.get(url, headers=headers)).status_code for _ in range(2)] == [200, 401]


async def test_r13_a_browser_that_binds_its_session_decides_and_its_cookies_in_another_decide_nothing(
    journey: Journey, demo: RunningDemo
) -> None:
    desktop, phone = await journey.begin(), journey.phone()
    async with httpx2.AsyncClient(timeout=20) as pages, httpx2.AsyncClient(timeout=20) as thief:
        session = BoundSession(pages)
        pages.event_hooks = {"response": [session.hear]}
        browser = Browser(pages, username=demo.person.username, password=demo.person.password)
        await browser.visit(f"{journey.site.issuer}/devices")
        assert session.bound
        offer = await push_transfer.start(desktop, mode="share")
        claim = await push_transfer.claim(phone, transfer_code=offer.transfer_code, device_name="Phone")
        assert (await pages.get(offer.confirmation_uri)).status_code == 200
        name = session.instructions["credentials"][0]["name"]
        for cookie in pages.cookies.jar:
            if cookie.name != name:
                thief.cookies.set(cookie.name, cookie.value or "")
        await asyncio.sleep(SETTLING)
        for path in ("/devices", "/device", httpx2.URL(offer.confirmation_uri).path):
            answer = await thief.get(f"{journey.site.issuer}{path}")
            assert answer.headers["Location"].startswith("/sign-in"), path
        forged = BoundSession(thief)
        forged.instructions, forged.refresh_address = session.instructions, session.refresh_address
        assert (await forged.ask(None)).status_code == 403
        refused = await forged.ask(proof(forged.key, {"jti": forged.challenge}))
        assert (refused.status_code, "Set-Cookie" in refused.headers) == (403, False)
        assert (await session.refresh()).status_code == 200
        await browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
        assert (await push_transfer.redeem(phone, claim)).task_id == desktop.task_id


async def test_r16_several_devices_live_on_one_task_at_the_same_time(journey: Journey) -> None:
    desktop = await journey.begin()
    phone = await journey.hand_over(desktop, mode="share")
    tablet = await journey.hand_over(desktop, mode="share")
    devices = [journey.task(grant) for grant in (desktop, phone, tablet)]
    start = (await devices[0].resume())["cursor"]
    followers = [asyncio.create_task(follow(device, after=start, count=6)) for device in devices]
    for number, device in enumerate(devices):
        await device.append([said(f"from device {number}")])
        await device.create_item(f"note-{number}", item("fact", f"Note {number}"))
    heard = await asyncio.gather(*followers)
    assert heard[0] == heard[1] == heard[2]
    assert texts(heard[0]) == [f"from device {number}" for number in range(3)]
    assert len({event["actor"]["device_id"] for event in heard[0]}) == 3
    assert {(await device.resume())["task"]["access"] for device in devices} == {"write"}


async def follow(task: Any, *, after: int, count: int) -> list[Any]:
    heard = []
    async with asyncio.timeout(20):
        async for event in task.live_events(after=after):
            heard.append(event)
            if len(heard) == count:
                break
    return heard


async def test_r37_a_token_is_validated_and_mapped_to_the_state_of_its_task_alone(
    demo: RunningDemo, journey: Journey, stranger: Person
) -> None:
    desktop = await journey.begin()
    await journey.task(desktop).create_item("cap", item("decision", "Liability is capped"))
    phone = await journey.hand_over(desktop, mode="share")
    url = f"{journey.site.store}/tasks/{phone.task_id}"
    token = await phone.token(journey.site.store)
    assert (await phone.device.send("GET", url, access_token=token)).json()["task_id"] == phone.task_id
    header, payload, signature = token.split(".")
    other_signature = (await desktop.token(journey.site.store)).rpartition(".")[2]
    for forged in ("nonsense", f"{header}.{payload}.{other_signature}", f"{header}.{payload[:-4]}AAAA.{signature}"):
        answer = await phone.device.send("GET", url, access_token=forged)
        assert answer.status_code == 401, forged
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    for_the_agent = await phone.token(journey.site.agent)
    assert (await phone.device.send("GET", url, access_token=for_the_agent)).status_code == 401
    assert (await journey.http.get(url)).status_code == 401
    invited = await journey.at_store(phone, "POST", f"/tasks/{phone.task_id}/invitations", json={"role": "agent"})
    assert (invited.status_code, invited.json()["error"]) == (403, "insufficient_scope")
    async with open_journey(demo.site, stranger) as theirs:
        foreign = await theirs.begin("Theirs")
        assert (await theirs.at_store(foreign, "GET", f"/tasks/{phone.task_id}/resume")).status_code == 404
        assert (await theirs.at_agent(foreign, "PUT", f"/jobs/{phone.task_id}/call", json=CALL)).status_code == 404
    assert parse(token).claims()["authorization_details"][0]["task_id"] == phone.task_id


async def test_r38_a_task_resumes_at_the_point_of_interruption_and_reruns_nothing(own_demo: RunningDemo) -> None:
    async with open_journey(own_demo.site, own_demo.person) as journey:
        desktop = await journey.begin()
        task = journey.task(desktop)
        first = await journey.run_call(desktop)
        await task.step(first["call_id"], "complete", fence=first["fence"], result={"step": 1})
        await task.append([said("the first step is done")])
        second = await journey.run_call(desktop)
        own_demo.kill()
        own_demo.start()
        phone = await journey.hand_over(desktop)
        view = await journey.task(phone).resume()
        assert [call["call_id"] for call in view["tool_calls"]] == [second["call_id"]]
        assert view["tool_calls"][0]["state"] == "running"
        assert texts(view["events"]) == ["the first step is done"]
        finished = await journey.task(phone).step(first["call_id"], "claim", lease=LEASE)
        assert (finished["state"], finished["result"], finished["attempt"]) == ("succeeded", {"step": 1}, 1)
        held = await journey.take_over(phone, second["call_id"])
        await journey.task(phone).step(second["call_id"], "complete", fence=held["fence"], result={"step": 2})
        executed = [job["key"] for job in own_demo.jobs()]
        assert executed == [first["downstream_key"], second["downstream_key"]]
