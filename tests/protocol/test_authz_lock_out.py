"""Whoever hammers a name holds up nobody but themselves: its owner comes in from elsewhere, and where they were."""

import httpx2
import pytest
from authz_world import USERNAME, Browser, World
from passkey_world import add_passkey, authenticator, make_codes, recover, sign_in
from segue_authz.endpoints.sign_in.known_browser import LASTS
from segue_authz.endpoints.sign_in.throttle import WINDOW

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A12", "XD-AUTH-04")]
ELSEWHERE = "198.51.100.7"


def browser_at(world: World, network: str | None = None) -> Browser:
    return Browser(world, world.http(network))


async def hammered(world: World, username: str = USERNAME, tries: int = 11) -> httpx2.Response:
    """Somebody at the usual network guesses, each time as a new browser, until they are held up."""
    for _ in range(tries):
        answer = await browser_at(world).sign_in("wrong", username)
    return answer


async def test_a_name_that_is_hammered_is_held_up_there_and_nowhere_else(world: World) -> None:
    answer = await hammered(world)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(WINDOW))
    assert (await browser_at(world).sign_in()).status_code == 429, "the right password, from the attacker's network"
    assert (await browser_at(world, ELSEWHERE).sign_in()).status_code == 303
    world.now += WINDOW
    assert (await browser_at(world).sign_in()).status_code == 303


async def test_a_browser_that_its_owner_used_before_is_not_held_up_by_others_on_its_network(world: World) -> None:
    owner = browser_at(world)
    await owner.sign_in()
    await owner.http.post("/sign-out", data={"csrf": world.derivation.csrf(owner.http.cookies["segue"])})
    await hammered(world)
    assert (await owner.sign_in()).status_code == 303
    for _ in range(60):
        await browser_at(world).sign_in("wrong", "someone else")
    again = browser_at(world)
    again.http.cookies.set("segue-known", owner.http.cookies["segue-known"])
    assert (await again.sign_in()).status_code == 303, "even where the whole network is held up"


async def test_a_known_browser_counts_its_own_tries_and_is_known_for_one_name(world: World) -> None:
    owner = browser_at(world, ELSEWHERE)
    await owner.sign_in()
    kept = owner.http.cookies["segue-known"]
    await hammered(world)
    for _ in range(10):
        thief = browser_at(world)
        thief.http.cookies.set("segue-known", kept)
        assert (await thief.sign_in("wrong")).status_code == 401
    thief = browser_at(world)
    thief.http.cookies.set("segue-known", kept)
    assert (await thief.sign_in("wrong")).status_code == 429, "a stolen cookie gives no guesses without end"
    other = browser_at(world)
    other.http.cookies.set("segue-known", kept)
    await hammered(world, "stranger")
    assert (await other.sign_in("wrong", "stranger")).status_code == 429


async def test_a_cookie_that_is_invented_altered_or_old_says_nothing(world: World) -> None:
    owner = browser_at(world)
    await owner.sign_in()
    nonce, made_at, tag = owner.http.cookies["segue-known"].split(".")
    invented = (
        "",
        "..",
        "x.1.y",
        f"{nonce}.{made_at}.",
        f"{nonce}x.{made_at}.{tag}",
        f"{nonce}.{int(made_at) + 1}.{tag}",
    )
    await hammered(world)
    for cookie in (*invented, f"{nonce}.{'9' * 4000}.{tag}", f"{nonce}..{tag}"):
        browser = browser_at(world)
        browser.http.cookies.set("segue-known", cookie)
        assert (await browser.sign_in()).status_code == 429, cookie
    world.now += LASTS
    await hammered(world)
    old = browser_at(world)
    old.http.cookies.set("segue-known", f"{nonce}.{made_at}.{tag}")
    assert (await old.sign_in()).status_code == 429


async def test_a_passkey_and_a_recovery_code_let_in_while_the_password_is_held_up(world: World) -> None:
    owner, keys = browser_at(world, ELSEWHERE), authenticator()
    await owner.sign_in()
    codes = await make_codes(owner)
    await add_passkey(owner, keys)
    await hammered(world, tries=61)
    for _ in range(3):
        assert (await sign_in(browser_at(world), keys)).status_code == 303
    assert (await recover(browser_at(world), USERNAME, codes[0])).status_code == 303


async def test_recovery_codes_are_not_guessed_without_end_either(world: World) -> None:
    owner = browser_at(world, ELSEWHERE)
    await owner.sign_in()
    codes = await make_codes(owner)
    for _ in range(10):
        assert (await recover(browser_at(world), USERNAME, "BCDF-BCDF-BCDF-BCDF")).status_code == 401
    assert (await recover(browser_at(world), USERNAME, codes[0])).status_code == 429
    assert (await recover(browser_at(world, ELSEWHERE), USERNAME, codes[0])).status_code == 303
