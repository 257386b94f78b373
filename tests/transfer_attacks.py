"""Attacks on a transfer, each played against a world with some policy; each says whether the attacker got a token."""

from typing import Any

from authz_world import PHONE, World, handle_of
from segue.jose import parse

AFAR = "203.0.113.66"


async def push(world: World, *, phone: Any, wait: int = 0, value: str | None = None) -> bool:
    """A push whose code the attacker's phone claims and whose value the person types; whether it got a token."""
    desktop = await world.desktop()
    offer = (await desktop.offer()).json()
    world.now += wait
    claim = await phone.claim(offer["transfer_code"])
    if claim.status_code != 200:
        return False
    await desktop.browser.confirm(offer["transfer_id"], value or claim.json()["check_value"])
    return bool((await phone.redeem(claim.json()["device_code"])).status_code == 200)


async def remote_device(world: World) -> bool:
    return await push(world, phone=world.device(PHONE, network=AFAR))


async def code_used_later(world: World) -> bool:
    return await push(world, phone=world.device(PHONE), wait=240)


async def shoulder_surfer_claims_first(world: World) -> bool:
    """The attacker's phone wins the claim; the person's own phone is refused; the person goes on all the same."""
    desktop = await world.desktop()
    offer = (await desktop.offer()).json()
    attacker = world.device(PHONE, network=AFAR)
    claim = (await attacker.claim(offer["transfer_code"])).json()
    assert (await world.device(PHONE).claim(handle_of(offer["transfer_uri"]))).status_code == 400
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    return bool((await attacker.redeem(claim["device_code"])).status_code == 200)


async def code_sprayed(world: World) -> bool:
    """One user code goes to two people; the first approves it."""
    attacker, first = world.device(PHONE, network=AFAR), world.browser()
    await first.sign_in()
    asked = (await attacker.ask_for_task()).json()
    path = (await first.enter_code(asked["user_code"])).headers["location"]
    world.now += 2
    value = (await attacker.redeem(asked["device_code"])).json()["check_value"]
    await (await world.stranger()).enter_code(asked["user_code"])
    await first.approve(path, task="new", name="x", check_value=value)
    world.now += 2
    return bool((await attacker.redeem(asked["device_code"])).status_code == 200)


async def client_reported_before(world: World) -> bool:
    desktop = await world.desktop()
    offer = (await desktop.offer()).json()
    await world.device(PHONE).claim(offer["transfer_code"])
    await world.withdrawals.report(world.subject, offer["transfer_id"], now=world.now)
    desktop = await world.desktop()
    answer = await desktop.offer()
    if answer.status_code != 201:
        return False
    return bool((await world.device(PHONE).claim(answer.json()["transfer_code"])).status_code == 200)


async def device_never_seen(world: World) -> bool:
    return await push(world, phone=world.device(PHONE))


async def passing_it_on(world: World) -> bool:
    """Who got the task by transfer hands it to a further device."""
    phone = world.device(PHONE)
    assert await push(world, phone=phone)
    return bool((await phone.offer()).status_code == 201)


async def thief_with_the_key_after_three_minutes(world: World) -> bool:
    phone = world.device(PHONE)
    assert await push(world, phone=phone)
    return int(parse(phone.tokens["access_token"]).claims()["exp"]) > world.now + 180


async def fifteen_guesses(world: World) -> bool:
    """Fourteen wrong codes in a minute, then the right one."""
    desktop = await world.desktop()
    offer = (await desktop.offer()).json()
    guesser = world.device(PHONE, network=AFAR)
    for _ in range(14):
        await guesser.claim("BCDF-GHJK")
    return bool((await guesser.claim(offer["transfer_code"])).status_code == 200)


async def code_generated_by_the_attacker(world: World) -> bool:
    """A pull that nobody signed in for, approved by the victim, who even types the value."""
    attacker, victim = world.device(PHONE, network=AFAR), world.browser()
    await victim.sign_in()
    answer = await attacker.ask_for_task()
    if answer.status_code != 200:
        return False
    return await approved(world, attacker, victim, answer.json())


async def victim_who_clicks_through(world: World) -> bool:
    return await push(world, phone=world.device(PHONE, network=AFAR), value="    ")


async def approved(world: World, device: Any, browser: Any, asked: dict[str, Any]) -> bool:
    entered = await browser.enter_code(asked["user_code"])
    if entered.status_code != 303:
        return False
    world.now += 2
    value = (await device.redeem(asked["device_code"])).json()["check_value"]
    await browser.approve(entered.headers["location"], task="new", name="x", check_value=value)
    world.now += 2
    return bool((await device.redeem(asked["device_code"])).status_code == 200)
