"""Passkeys: who has one signs in with it and no name, and an answer that is altered in any way lets nobody in."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx2
import pytest
from authz_world import ISSUER, PASSWORD, Browser, World
from passkey_world import (
    HERE,
    add_passkey,
    authenticator,
    creation_options,
    events,
    is_signed_in,
    passkey_ids,
    present,
    register,
    request_options,
    sign_in,
)
from segue_authz.ceremony import GOOD_FOR
from segue_authz.domain.account import PASSKEY_ACR
from segue_authz.endpoints.account_security.passkeys import MOST
from segue_authz.stores.accounts import BrowserSessions
from segue_threats.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    HONEST,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    Said,
)

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A12", "A4", "XD-AUTH-04")]
SYNCED = BACKUP_ELIGIBLE | BACKED_UP


async def owner(world: World, **how: bool | int) -> tuple[Browser, Authenticator]:
    """Somebody who has signed in by password a moment ago, and added a passkey."""
    browser, keys = world.browser(), authenticator(**how)
    await browser.sign_in()
    assert (await add_passkey(browser, keys)).status_code == 200
    world.now += 1
    return browser, keys


async def test_whoever_has_a_passkey_signs_in_with_it_and_no_name(world: World) -> None:
    _, keys = await owner(world)
    browser = world.browser()
    options = await request_options(browser)
    assert (options["userVerification"], options["rpId"], options.get("allowCredentials")) == (
        "required",
        "localhost",
        [],
    )
    answer = await sign_in(browser, keys, return_to="/devices")
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
    page = await browser.http.get(HERE)
    assert "You signed in with it here." in page.text
    session_id = world.derivation.digest("browser", browser.http.cookies["segue"])
    found = await BrowserSessions(world.database).current(session_id, now=world.now)
    assert found is not None
    session, account = found
    assert (session.acr, session.amr.split(), session.auth_time) == (PASSKEY_ACR, ["pop", "user", "mfa"], world.now)
    assert (account.subject, [session.passkey_id]) == (world.subject, passkey_ids(page.text))


async def test_what_the_authenticator_is_told_says_nothing_of_who_the_account_is(world: World) -> None:
    browser, keys = await owner(world)
    await sign_in(browser, keys)
    options = await creation_options(browser)
    assert world.subject not in options["user"]["id"]
    assert options["user"]["id"] == keys.credentials[0].user_handle, "the same for all passkeys of an account"
    assert [each["id"] for each in options["excludeCredentials"]] == [keys.credentials[0].credential_id]
    wanted = options["authenticatorSelection"]
    assert (wanted["residentKey"], wanted["userVerification"], options["attestation"]) == (
        "required",
        "required",
        "none",
    )
    stranger = await world.stranger()
    assert (await creation_options(stranger))["user"]["id"] != options["user"]["id"]


async def test_an_account_has_several_passkeys_each_with_its_name(world: World) -> None:
    browser, keys = await owner(world)
    await sign_in(browser, keys)
    page = await add_passkey(browser, authenticator(flags=SYNCED, counts=False), "Phone <b>")
    assert "Phone &lt;b&gt;" in page.text
    first, second = passkey_ids(page.text)
    assert ("On one device." in page.text, "Copied to your other devices." in page.text) == (True, True)
    page = await browser.submit("/account/passkeys", page, rename=first, name="  Work laptop ")
    assert "Work laptop" in page.text
    for name in ("", " ", "x" * 61):
        assert (await browser.submit("/account/passkeys", page, rename=second, name=name)).status_code == 400
    assert (await browser.submit("/account/passkeys", page, rename="psk_other", name="x")).status_code == 400


async def test_nobody_names_or_removes_the_passkey_of_somebody_else(world: World) -> None:
    browser, keys = await owner(world)
    theirs = passkey_ids((await browser.http.get(HERE)).text)[0]
    stranger = await world.stranger()
    await add_passkey(stranger, keys2 := authenticator())
    await sign_in(stranger, keys2)
    page = await stranger.http.get(HERE)
    assert (await stranger.submit("/account/passkeys", page, rename=theirs, name="Mine")).status_code == 400
    assert (await stranger.submit("/account/passkeys", page, remove=theirs)).status_code == 400
    assert (await sign_in(world.browser(), keys)).status_code == 303


ALTERED = {
    "an invented challenge": Said(challenge="A" * 96),
    "no challenge": Said(challenge=""),
    "another origin": Said(origin="https://evil.example"),
    "another port": Said(origin=ISSUER + ":1"),
    "a host below ours": Said(origin="http://sub.localhost:8400"),
    "framed by another origin": Said(cross_origin=True),
    "another relying party": Said(rp_id="evil.example"),
    "nobody verified": Said(flags=USER_PRESENT),
    "nobody present": Said(flags=USER_VERIFIED),
    "nobody at all": Said(flags=0),
    "a key that has become one for several devices": Said(flags=HONEST | SYNCED),
    "backed up, which cannot be": Said(flags=HONEST | BACKED_UP),
    "another signature": Said(tampered=True),
    "a registration": Said(type="webauthn.create"),
    "another user handle": Said(user_handle="AAAA"),
    "no user handle": Said(user_handle=""),
}


async def test_an_assertion_altered_in_any_way_signs_nobody_in(world: World) -> None:
    _, keys = await owner(world)
    browser = world.browser()
    for what, said in ALTERED.items():
        refused = await sign_in(browser, keys, said)
        assert (refused.status_code, "This passkey was not accepted." in refused.text) == (401, True), what
        assert not await is_signed_in(browser), what
    assert (await sign_in(browser, keys)).status_code == 303, "the honest one"


ALTERED_REGISTRATIONS = {
    "an invented challenge": Said(challenge="A" * 96),
    "another origin": Said(origin="https://evil.example"),
    "another relying party": Said(rp_id="evil.example"),
    "nobody verified": Said(flags=USER_PRESENT),
    "an assertion": Said(type="webauthn.get"),
    "framed by another origin": Said(cross_origin=True),
}


async def test_a_registration_altered_in_any_way_adds_nothing(world: World) -> None:
    browser, keys = world.browser(), authenticator()
    await browser.sign_in()
    for what, said in ALTERED_REGISTRATIONS.items():
        assert (await add_passkey(browser, keys, said=said)).status_code == 400, what
        assert passkey_ids((await browser.http.get(HERE)).text) == [], what
        assert (await sign_in(world.browser(), keys)).status_code == 401, what


NO_ANSWERS = ("", "x", "{}", "[]", "null", '{"id": 1}', "[" * 5000, '{"id":"\\ud800"}')


async def test_what_is_no_answer_of_an_authenticator_is_refused_as_any_other(world: World) -> None:
    browser = world.browser()
    await browser.sign_in()
    for answer in NO_ANSWERS:
        assert (await present(browser, answer)).status_code == 401, answer
        assert (await register(browser, answer)).status_code == 400, answer


async def test_a_challenge_is_of_one_browser_one_purpose_and_five_minutes(world: World) -> None:
    owning, keys = await owner(world)
    await sign_in(owning, keys)
    browser, other = world.browser(), world.browser()
    await other.http.get("/sign-in")
    options = await request_options(browser)
    assert (await present(other, keys.get(options))).status_code == 401, "in another browser"
    assert (await present(browser, keys.get(options), anew=True)).status_code == 401, "to step up"
    registering = await creation_options(owning)
    to_sign_in = registering | {"challenge": (await request_options(owning))["challenge"]}
    assert (await register(owning, authenticator().create(to_sign_in))).status_code == 400, "to register"
    assert (await present(owning, keys.get(registering))).status_code == 401, "made to register"
    world.now += GOOD_FOR - 1
    late = await request_options(browser)
    world.now += GOOD_FOR
    assert (await present(browser, keys.get(late))).status_code == 401, "late"
    world.now -= 1
    assert (await present(browser, keys.get(late))).status_code == 303, "just in time"


async def test_an_answer_counts_once_even_if_it_comes_many_times_at_once(world: World) -> None:
    _, keys = await owner(world, flags=SYNCED, counts=False)
    browser = world.browser()
    credential = keys.get(await request_options(browser))
    form = {"csrf": world.derivation.csrf(browser.http.cookies["segue"]), "credential": credential}
    cookies = {"segue": browser.http.cookies["segue"]}

    async def once() -> httpx2.Response:
        http = world.http()
        http.cookies.update(cookies)
        return await http.post("/sign-in/passkey", data=form)

    answers = await asyncio.gather(*(once() for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303, *[401] * 7]
    assert (await once()).status_code == 401


async def test_of_one_registration_sent_many_times_at_once_one_passkey_comes(world: World) -> None:
    browser, keys = await owner(world)
    await sign_in(browser, keys)
    credential = authenticator().create(await creation_options(browser))
    answers = await asyncio.gather(*(register(browser, credential) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 5]
    assert len(passkey_ids((await browser.http.get(HERE)).text)) == 2


async def test_the_passkey_of_one_person_steps_up_for_no_other(world: World) -> None:
    _, keys = await owner(world)
    stranger = await world.stranger()
    assert (await sign_in(stranger, keys, anew=True)).status_code == 401
    page = await stranger.http.get("/")
    assert "Stranger" in page.text, "who was signed in still is"


async def test_a_credential_of_one_account_is_registered_for_no_other(world: World) -> None:
    _, keys = await owner(world)
    stranger, mine = await world.stranger(), authenticator()
    same = Said(credential_id=keys.credentials[0].credential_id)
    assert (await add_passkey(stranger, mine, said=same)).status_code == 400
    assert (await sign_in(world.browser(), mine)).status_code == 401
    assert (await sign_in(world.browser(), keys)).status_code == 303


async def test_a_counter_that_does_not_go_up_is_refused_and_told(world: World) -> None:
    _, keys = await owner(world)
    credential = keys.credentials[0]
    credential.count = 7
    browser = world.browser()
    assert (await sign_in(browser, keys)).status_code == 303
    for count in (8, 3, 0):
        copy = world.browser()
        refused = await sign_in(copy, keys, Said(count=count))
        assert (refused.status_code, "may be a copy" in refused.text) == (401, True)
        assert not await is_signed_in(copy)
    assert events((await browser.http.get(HERE)).text)[:3] == ["passkey-suspect"] * 3
    credential.count = 20
    assert (await sign_in(world.browser(), keys)).status_code == 303


async def test_an_unsigned_counter_accuses_nobody(world: World) -> None:
    browser, keys = await owner(world)
    keys.credentials[0].count = 7
    await sign_in(browser, keys)
    await sign_in(world.browser(), keys, Said(count=1, tampered=True))
    assert "passkey-suspect" not in events((await browser.http.get(HERE)).text)


async def test_the_counter_of_a_synced_passkey_says_nothing(world: World) -> None:
    _, keys = await owner(world, flags=SYNCED)
    for count in (9, 4, 4):
        assert (await sign_in(world.browser(), keys, Said(count=count))).status_code == 303


async def test_a_removed_passkey_signs_nobody_in_and_those_it_signed_in_are_out(world: World) -> None:
    browser, keys = await owner(world)
    other, by_password = world.browser(), world.browser()
    await sign_in(other, keys)
    await by_password.sign_in()
    await sign_in(browser, keys)
    page = await browser.http.get(HERE)
    answer = await browser.submit("/account/passkeys", page, remove=passkey_ids(page.text)[0])
    assert (answer.status_code, passkey_ids(answer.text)) == (200, [])
    assert events(answer.text)[0] == "passkey-removed"
    assert (await sign_in(world.browser(), keys)).status_code == 401
    assert [await is_signed_in(each) for each in (browser, other, by_password)] == [True, False, True]


async def test_whoever_removes_a_passkey_may_sign_out_everybody_else(world: World) -> None:
    browser, keys = await owner(world)
    by_password = world.browser()
    await by_password.sign_in()
    await sign_in(browser, keys)
    page = await browser.http.get(HERE)
    assert re.search(r'name="sign_out_others"[^>]*checked', page.text), "it is offered, and the usual thing"
    fields = {"remove": passkey_ids(page.text)[0], "sign_out_others": "yes"}
    answer = await browser.submit("/account/passkeys", page, **fields)
    assert set(events(answer.text)[:2]) == {"passkey-removed", "signed-out-elsewhere"}
    assert [await is_signed_in(each) for each in (browser, by_password)] == [True, False]


async def test_a_disabled_or_deleted_account_is_not_signed_in_by_its_passkey(world: World) -> None:
    _, keys = await owner(world)
    await world.accounts.disable(world.subject, now=world.now)
    assert (await sign_in(world.browser(), keys)).status_code == 401
    await world.accounts.enable(world.subject)
    assert (await sign_in(world.browser(), keys)).status_code == 303
    await world.accounts.delete(world.subject, now=world.now)
    assert (await sign_in(world.browser(), keys)).status_code == 401


async def test_whatever_is_not_there_is_refused_alike_so_nobody_learns_who_is(world: World) -> None:
    _, keys = await owner(world)
    unknown = authenticator()
    unknown.create(await creation_options(await world.stranger()))
    unknown.credentials[0].user_handle = keys.credentials[0].user_handle
    tries: list[Callable[[Browser], Awaitable[httpx2.Response]]] = [
        lambda browser: sign_in(browser, unknown),
        lambda browser: sign_in(browser, keys, Said(tampered=True)),
        lambda browser: sign_in(browser, keys, Said(user_handle="AAAA")),
    ]
    pages = [await each(world.browser()) for each in tries]
    assert len({re.sub(r'(value|href)="[^"]*"', "", page.text) for page in pages}) == 1
    assert {page.status_code for page in pages} == {401}


async def test_nobody_adds_passkeys_without_end(world: World) -> None:
    browser, keys = await owner(world)
    await sign_in(browser, keys)
    for _ in range(MOST - 1):
        await add_passkey(browser, authenticator())
    answer = await add_passkey(browser, authenticator())
    assert (answer.status_code, len(passkey_ids(answer.text))) == (400, MOST)


async def test_options_are_asked_for_by_the_page_alone_and_never_kept(world: World) -> None:
    browser = world.browser()
    answer = await browser.http.get("/sign-in/passkey")
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    assert (await browser.http.get("/account/passkeys/options")).status_code == 403
    first, second = [(await request_options(browser))["challenge"] for _ in range(2)]
    assert first != second
    assert PASSWORD not in answer.text
