"""Signing out by way of a provider (Back-Channel Logout 1.0), and being led to it (RP-Initiated Logout 1.0)."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authz_world import ISSUER, World
from small_internet import Internet
from upstream_world import CLIENT_ID, HOST, NAME, Upstream, person_of

pytest_plugins = ["upstream_fixtures"]
pytestmark = [
    pytest.mark.parametrize("storage_set", ["embedded"], indirect=True),
    pytest.mark.anyio,
    pytest.mark.requirement("A12"),
]


async def test_a_logout_there_ends_the_sessions_that_were_begun_by_it_and_no_others(
    world: World, works: Upstream
) -> None:
    browsers = {name: world.browser() for name in ("this", "other session", "other person", "password")}
    await works.sign_in(browsers["this"])
    await works.sign_in(browsers["other session"], sid="another")
    await works.sign_in(browsers["other person"], sub="somebody-else", sid="third")
    await browsers["password"].sign_in()
    answer = await works.log_out()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    there = {name for name, browser in browsers.items() if await person_of(browser)}
    assert there == {"other session", "other person", "password"}
    assert (await works.log_out(works.logout_token(sid=None))).status_code == 200
    assert {name for name, browser in browsers.items() if await person_of(browser)} == {"other person", "password"}
    assert (await works.log_out(works.logout_token(sub=None, sid="third"))).status_code == 200
    assert await person_of(browsers["other person"]) is None


async def test_a_session_of_which_no_sid_was_told_ends_with_any_of_the_persons(world: World, works: Upstream) -> None:
    browser = world.browser()
    await works.sign_in(browser, sid=None)
    assert (await works.log_out(works.logout_token(sub=None))).status_code == 200
    assert await person_of(browser) is not None
    assert (await works.log_out()).status_code == 200
    assert await person_of(browser) is None


TOKENS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://other.example"},
    "another audience": {"aud": "somebody-else"},
    "a further audience": {"aud": [CLIENT_ID, "x"]},
    "no event": {"events": None},
    "another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "an event that is no object": {"events": {"http://schemas.openid.net/event/backchannel-logout": True}},
    "events that are none": {"events": ["http://schemas.openid.net/event/backchannel-logout"]},
    "a nonce": {"nonce": "n"},
    "a nonce of null": {"nonce": ""},
    "nobody": {"sub": None, "sid": None},
    "somebody of a kind": {"sub": 7},
    "a session of a kind": {"sid": ["x"]},
    "no jti": {"jti": None},
    "no time": {"iat": None},
    "no expiry": {"exp": None},
    "an old one": {"iat": 1_800_000_000 - 601},
    "one that has expired": {"exp": 1_800_000_000 - 60},
    "one that is to come": {"iat": 1_800_000_000 + 601},
}


async def test_a_token_that_is_no_good_logout_token_ends_nothing(world: World, works: Upstream) -> None:
    browser = world.browser()
    asked = await works.begin(browser)
    works.answers(id_token := works.id_token(asked))
    await works.come_back(browser, asked)
    bad = {what: works.logout_token(**claims) for what, claims in TOKENS.items()}
    good = works.logout_token()
    bad |= {"an ID token": id_token, "no token": "x", "nothing": " ", "unsigned": good.rpartition(".")[0] + "."}
    bad |= {"altered": good[:-6] + "AAAAAA", "another type": works.logout_token(header={"typ": "at+jwt"})}
    for what, token in bad.items():
        answer = await works.log_out(token)
        assert (answer.status_code, answer.json()["error"], what) == (400, "invalid_request", what)
        assert answer.headers["cache-control"] == "no-store"
        assert await person_of(browser) is not None, what
    for form in ({}, {"logout_token": ""}):
        assert (await world.http().post(f"/sign-in/upstream/{NAME}/logout", data=form)).status_code == 400
    unknown = await world.http().post("/sign-in/upstream/none/logout", data={"logout_token": good})
    assert unknown.status_code == 400
    assert (await works.log_out(good)).status_code == 200


async def test_a_logout_token_is_good_once(world: World, works: Upstream) -> None:
    browser, token = world.browser(), works.logout_token()
    assert (await works.log_out(token)).status_code == 200, "also if nobody was signed in"
    world.now += 1
    await works.sign_in(browser)
    again = await works.log_out(token)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")
    assert await person_of(browser) is not None


async def test_a_logout_that_comes_before_the_answer_keeps_the_session_from_beginning(
    world: World, works: Upstream
) -> None:
    """The person signs out there while their browser is on its way back here."""
    for told in ({}, {"sid": None}, {"sub": None}):
        browser = world.browser()
        asked = await works.begin(browser)
        works.answers(works.id_token(asked))
        assert (await works.log_out(works.logout_token(**told))).status_code == 200
        answer = await works.come_back(browser, asked)
        assert (answer.status_code, "signed out" in answer.text) == (403, True)
        assert await person_of(browser) is None
        world.now += 2
        assert (await works.sign_in(world.browser())).status_code == 303, "the next sign-in is another one"


async def test_keys_that_cannot_be_read_are_a_failed_logout_that_may_be_tried_again(
    world: World, works: Upstream, internet: Internet
) -> None:
    token = works.logout_token()
    internet.pages.clear()
    answer = await works.log_out(token)
    assert (answer.status_code, answer.json()["error"]) == (400, "temporarily_unavailable")
    works.publish()
    world.now += 6
    assert (await works.log_out(token)).status_code == 200


async def test_who_signs_out_here_is_led_to_sign_out_there_without_any_token_in_the_address(
    world: World, works: Upstream, internet: Internet
) -> None:
    browser = world.browser()
    await works.sign_in(browser)
    page = await browser.submit("/sign-out", await browser.http.get("/"))
    assert "Sign out at Example Works too" in page.text
    link = urlsplit(page.text.partition(f'href="https://{HOST}')[2].partition('"')[0].replace("&amp;", "&"))
    assert link.path == "/logout"
    assert dict(parse_qsl(link.query)) == {
        "client_id": CLIENT_ID,
        "post_logout_redirect_uri": f"{ISSUER}/signed-out",
    }
    back = await browser.http.get("/signed-out")
    assert (back.status_code, "You are signed out" in back.text) == (200, True)
    assert await person_of(browser) is None


async def test_signing_out_works_while_the_provider_is_away_and_where_it_has_no_such_page(
    world: World, works: Upstream, internet: Internet
) -> None:
    browser = world.browser()
    works.publish(end_session_endpoint="javascript:alert(1)")
    await works.sign_in(browser)
    page = await browser.submit("/sign-out", await browser.http.get("/"))
    assert "still signed in at Example Works" in page.text
    assert "javascript:" not in page.text
    await works.sign_in(browser)
    world.restart()
    internet.pages.clear()
    later = world.browser()
    later.http.cookies.update(browser.http.cookies)
    page = await later.submit("/sign-out", await later.http.get("/"))
    assert "still signed in at Example Works" in page.text
    assert await person_of(later) is None
