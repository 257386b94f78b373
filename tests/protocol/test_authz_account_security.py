"""The page about how one signs in: nothing on it is changed by an old sign-in or a weak one, and all of it is told."""

import asyncio

import httpx2
import pytest
from authz_world import PASSWORD, USERNAME, Browser, World, hidden
from passkey_world import (
    HERE,
    add_passkey,
    authenticator,
    change,
    creation_options,
    csrf,
    events,
    is_signed_in,
    make_codes,
    passkey_ids,
    present,
    recover,
    register,
    request_options,
    sign_in,
)
from segue_authz.ceremony import GOOD_FOR
from segue_authz.domain.ways import FRESH
from segue_authz.stores.leftovers import SOON, VERY_LATE, drop_leftovers

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A12", "XD-AUTH-04")]
ANOTHER = "another horse battery"


async def person(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def changes(browser: Browser) -> list[httpx2.Response]:
    """One of each, of which none may go through."""
    keys = authenticator()
    options = await creation_options(browser)
    answer = keys.create(options if "challenge" in options else OPTIONS)
    return [
        await register(browser, answer),
        await change(browser, "/account/passkeys", rename="psk_x", name="x"),
        await change(browser, "/account/passkeys", remove="psk_x"),
        await change(browser, "/account/password", password=ANOTHER),
        await change(browser, "/account/password", remove="yes"),
        await change(browser, "/account/recovery-codes"),
    ]


OPTIONS = {"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"}


async def test_a_sign_in_of_a_while_ago_changes_nothing_and_leads_to_a_new_one(world: World) -> None:
    browser = await person(world)
    world.now += FRESH + 1
    page = await browser.http.get(HERE)
    assert ("Sign in once more" in page.text, "Add a passkey" in page.text) == (True, False)
    for answer in await changes(browser):
        assert (answer.status_code, answer.headers["location"].startswith("/sign-in?anew=yes")) == (303, True)
    assert events((await browser.http.get(HERE)).text) == []
    anew = await browser.http.get((await changes(browser))[0].headers["location"])
    form = hidden(anew.text) | {"username": USERNAME, "password": PASSWORD, "return_to": HERE}
    back = await browser.http.post("/sign-in", data=form)
    assert back.headers["location"].startswith(HERE)
    assert (await add_passkey(browser, authenticator())).status_code == 200


async def test_the_last_second_of_a_sign_in_that_may_change_something(world: World) -> None:
    browser = await person(world)
    world.now += FRESH
    assert (await change(browser, "/account/password", password=ANOTHER)).status_code == 200
    world.now += 1
    assert (await change(browser, "/account/password", password=PASSWORD)).status_code == 303


async def test_whoever_has_a_passkey_changes_nothing_by_password(world: World) -> None:
    """A stolen password is not to become a passkey of the thief's."""
    browser, keys = await person(world), authenticator()
    await add_passkey(browser, keys)
    thief = await person(world)
    for answer in await changes(thief):
        assert (answer.status_code, "acr_values=phr" in answer.headers["location"]) == (303, True)
    page = await thief.http.get(answer.headers["location"])
    assert ('name="password"' in page.text, "Sign in with a passkey" in page.text) == (False, True)
    form = hidden(page.text) | {"username": USERNAME, "password": PASSWORD}
    await thief.http.post("/sign-in", data=form)
    assert (await change(thief, "/account/recovery-codes")).status_code == 303, "the password again is no step up"
    assert (await sign_in(thief, keys, anew=True, return_to=HERE)).status_code == 303
    assert (await change(thief, "/account/recovery-codes")).status_code == 200


async def test_nobody_changes_anything_signed_out_or_by_the_form_of_somebody_else(world: World) -> None:
    browser = world.browser()
    await browser.http.get("/sign-in")
    assert (await browser.http.get(HERE)).headers["location"].startswith("/sign-in")
    assert {answer.status_code for answer in await changes(browser)} == {403}
    owner = await person(world)
    for path in ("/account/passkeys/add", "/account/passkeys", "/account/password", "/account/recovery-codes"):
        forged = {"csrf": csrf(browser), "password": ANOTHER, "credential": "{}"}
        assert (await owner.http.post(path, data=forged)).status_code == 403


async def test_the_password_is_changed_and_the_old_one_is_of_no_use(world: World) -> None:
    browser, other = await person(world), await person(world)
    assert (await change(browser, "/account/password", password="short")).status_code == 400
    answer = await change(browser, "/account/password", password=ANOTHER)
    assert (answer.status_code, events(answer.text)) == (200, ["password-set"])
    assert await is_signed_in(other), "not asked for"
    world.now += 1
    answer = await change(browser, "/account/password", password=ANOTHER + "!", sign_out_others="yes")
    assert set(events(answer.text)[:2]) == {"password-set", "signed-out-elsewhere"}
    assert [await is_signed_in(each) for each in (browser, other)] == [True, False]
    assert (await world.browser().sign_in()).status_code == 401
    assert (await world.browser().sign_in(ANOTHER + "!")).status_code == 303


async def test_a_password_can_be_done_without_and_set_again_where_there_is_a_passkey(world: World) -> None:
    browser, keys = await person(world), authenticator()
    refused = await change(browser, "/account/password", remove="yes")
    assert (refused.status_code, "only way" in refused.text) == (400, True)
    await add_passkey(browser, keys)
    await sign_in(browser, keys)
    assert (await change(browser, "/account/password", remove="yes")).status_code == 200
    assert (await change(browser, "/account/password", remove="yes")).status_code == 400
    for guess in (PASSWORD, ""):
        assert (await world.browser().sign_in(guess)).status_code == 401
    page = await browser.http.get(HERE)
    refused = await change(browser, "/account/passkeys", remove=passkey_ids(page.text)[0])
    assert (refused.status_code, "only way" in refused.text) == (400, True)
    assert (await sign_in(world.browser(), keys)).status_code == 303
    assert (await change(browser, "/account/password", password=ANOTHER)).status_code == 200
    assert (await world.browser().sign_in(ANOTHER)).status_code == 303


async def test_of_two_that_take_the_last_two_ways_away_at_once_one_is_refused(world: World) -> None:
    browser, keys = await person(world), authenticator()
    await add_passkey(browser, keys)
    await sign_in(browser, keys)
    only = passkey_ids((await browser.http.get(HERE)).text)[0]
    answers = await asyncio.gather(
        change(browser, "/account/passkeys", remove=only), change(browser, "/account/password", remove="yes")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    left = [await sign_in(world.browser(), keys), await world.browser().sign_in()]
    assert sorted(answer.status_code for answer in left) == [303, 401]


async def test_a_recovery_code_lets_its_owner_in_once_to_set_up_another_way(world: World) -> None:
    owner, keys = await person(world), authenticator()
    codes = await make_codes(owner)
    assert (len(codes), len(set(codes))) == (10, 10)
    assert 'data-fact="codes_left" data-value="10"' in (await owner.http.get(HERE)).text
    await add_passkey(owner, keys)
    world.now += 1
    browser = world.browser()
    answer = await recover(browser, USERNAME, codes[0].lower().replace("-", " "))
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    page = await browser.http.get(HERE)
    assert ("You came in with a recovery code." in page.text, "Make ten" in page.text) == (True, False)
    assert events(page.text)[0] == "code-used"
    assert 'data-fact="codes_left" data-value="9"' in page.text
    lost = passkey_ids(page.text)[0]
    assert (await change(browser, "/account/passkeys", remove=lost)).status_code == 303, "not by a code"
    assert (await change(browser, "/account/recovery-codes")).status_code == 303
    new = authenticator()
    assert (await add_passkey(browser, new)).status_code == 200
    await sign_in(browser, new)
    assert (await change(browser, "/account/passkeys", remove=lost)).status_code == 200
    assert (await recover(world.browser(), USERNAME, codes[0])).status_code == 401, "it was good once"


async def test_a_code_is_of_one_person_and_one_set(world: World) -> None:
    owner = await person(world)
    codes = await make_codes(owner)
    await world.stranger()
    stranger = world.browser()
    assert (await recover(stranger, "stranger", codes[0])).status_code == 401
    for code in ("", "x", "BCDF-BCDF-BCDF-BCDF", "\u212a" * 16, "B" * 100):
        assert (await recover(stranger, USERNAME, code)).status_code == 401
    newer = await make_codes(owner)
    assert (await recover(world.browser(), USERNAME, codes[1])).status_code == 401
    assert (await recover(world.browser(), USERNAME, newer[1])).status_code == 303


async def test_of_many_who_use_one_code_at_once_one_gets_in(world: World) -> None:
    codes = await make_codes(await person(world))
    answers = await asyncio.gather(*(recover(world.browser(), USERNAME, codes[0]) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [303, *[401] * 5]


async def test_an_unknown_name_and_a_wrong_code_get_one_answer(world: World) -> None:
    await make_codes(await person(world))
    known = await recover(world.browser(), USERNAME, "BCDF-BCDF-BCDF-BCDF")
    unknown = await recover(world.browser(), "nobody", "BCDF-BCDF-BCDF-BCDF")
    assert known.status_code == unknown.status_code == 401
    plain = [
        answer.text.replace(csrf_of(answer), "").replace(name, "")
        for answer, name in ((known, USERNAME), (unknown, "nobody"))
    ]
    assert plain[0] == plain[1]


def csrf_of(answer: httpx2.Response) -> str:
    return hidden(answer.text)["csrf"]


async def test_codes_are_stored_as_what_tells_nothing(world: World) -> None:
    codes = await make_codes(await person(world))
    rows = await world.database.read(
        lambda connection: connection.exec_driver_sql("SELECT * FROM recovery_codes").all()
    )
    assert len(rows) == 10
    stored = repr(rows)
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


async def test_what_happened_is_told_to_the_person_and_to_nobody_else(world: World) -> None:
    browser = await person(world)
    await change(browser, "/account/password", password=ANOTHER)
    assert "192.0.2.1" in (await browser.http.get(HERE)).text
    stranger = await world.stranger()
    assert events((await stranger.http.get(HERE)).text) == []
    await world.accounts.delete(world.subject, now=world.now)
    rows = await world.database.read(
        lambda connection: connection.exec_driver_sql("SELECT * FROM account_events").all()
    )
    assert rows == [], "with the account its story goes"


@pytest.mark.requirement("XD-DOS-06")
async def test_what_has_outlived_its_use_is_dropped_and_no_challenge_is_good_again(world: World) -> None:
    browser, keys = await person(world), authenticator(flags=0x18, counts=False)
    codes = await make_codes(browser)
    await add_passkey(browser, keys)
    used = world.browser()
    answer = keys.get(await request_options(used))
    assert (await present(used, answer)).status_code == 303
    await recover(world.browser(), USERNAME, codes[0])
    assert await drop_leftovers(world.database, now=world.now) == 0
    world.now += SOON + GOOD_FOR + 1
    assert await drop_leftovers(world.database, now=world.now) >= 2, "both challenges"
    late = world.browser()
    late.http.cookies.update(used.http.cookies)
    assert (await present(late, answer)).status_code == 401, "it has lapsed before it is forgotten"
    world.now += VERY_LATE
    await drop_leftovers(world.database, now=world.now)
    again = await person(world)
    page = (await again.http.get(HERE)).text
    assert (events(page), len(passkey_ids(page))) == ([], 1), "what is in use stays"
    assert 'data-fact="codes_left" data-value="9"' in page
