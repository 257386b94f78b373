"""Linking an account elsewhere: by who has signed in at both just now, to one account; the last way in stays."""

import pytest
from authz_world import Browser, World
from segue_authz.domain.ways import FRESH
from segue_authz.stores.tables import bound_sessions
from segue_authz.upstream.provider import Admits
from small_internet import Internet
from upstream_world import HOST, NAME, Upstream, person_of, press, session_of, upstream

pytest_plugins = ["upstream_fixtures"]
pytestmark = [
    pytest.mark.parametrize("storage_set", ["embedded"], indirect=True),
    pytest.mark.anyio,
    pytest.mark.requirement("A12"),
]
HERE = "/account/security"


@pytest.fixture
def works(world: World, internet: Internet) -> Upstream:
    return upstream(world, internet)


@pytest.fixture
async def person(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def unlink(browser: Browser) -> str:
    page = await browser.http.get(HERE)
    (identity_id,) = [part.partition('"')[0] for part in page.text.split('data-fact="identity" data-value="')[1:]]
    return (await browser.submit("/account/upstream", page, unlink=identity_id)).text


async def test_what_is_linked_signs_in_to_the_account_and_is_shown_on_its_page(
    works: Upstream, person: Browser
) -> None:
    asked = await works.begin_linking(person)
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    works.answers(works.id_token(asked, preferred_username="dana@works", name="<b>Dana</b>"))
    answer = await works.come_back(person, asked)
    assert (answer.status_code, "The accounts are linked" in answer.text) == (200, True)
    page = (await person.http.get(HERE)).text
    assert 'data-fact="identity"' in page
    assert "dana@works" in page
    assert 'data-value="upstream-linked"' in page
    other = works.world.browser()
    assert (await works.sign_in(other)).status_code == 303
    assert (await session_of(other)).subject == works.world.subject


@pytest.mark.requirement("XD-AUTH-05")
async def test_linking_takes_a_fresh_sign_in_there_where_the_provider_tells_of_it(
    works: Upstream, person: Browser
) -> None:
    assert (await works.link(person, auth_time=works.world.now - 3600)).status_code == 400
    assert (await works.sign_in(works.world.browser())).status_code == 403, "nothing is linked"
    assert (await works.link(person, auth_time=None)).status_code == 200


async def test_linking_takes_a_fresh_sign_in_here(works: Upstream, person: Browser) -> None:
    page = await person.http.get(HERE)
    works.world.now += FRESH + 1
    answer = await person.submit("/account/upstream", page, link=NAME)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?anew=yes")


@pytest.mark.requirement("XD-AUTH-05")
async def test_linking_ends_in_the_browser_and_with_the_person_that_began_it(works: Upstream, person: Browser) -> None:
    """An attacker who has somebody else finish what they began would sign in to that account from then on."""
    stranger = await works.world.stranger()
    asked = await works.begin_linking(stranger)
    works.answers(works.id_token(asked))
    assert (await works.come_back(person, asked)).status_code == 403
    asked = await works.begin_linking(stranger)
    works.answers(works.id_token(asked))
    await stranger.submit("/sign-out", await stranger.http.get("/"))
    assert (await works.come_back(stranger, asked)).status_code == 403
    assert (await works.sign_in(works.world.browser())).status_code == 403, "nothing is linked"


@pytest.mark.requirement("XD-AUTH-05")
async def test_what_is_somebody_elses_is_not_linked_and_nobody_is_told_whose(works: Upstream, person: Browser) -> None:
    assert (await works.link(person)).status_code == 200
    stranger = await works.world.stranger()
    answer = await works.link(stranger)
    assert (answer.status_code, "in use here already" in answer.text) == (409, True)
    assert "Some Person" not in answer.text
    assert works.world.subject not in answer.text
    again = await works.link(person)
    assert (again.status_code, "before" in again.text) == (200, True)
    other = works.world.browser()
    await works.sign_in(other)
    assert (await session_of(other)).subject == works.world.subject


async def test_an_unlinked_account_signs_in_no_more_and_what_it_had_begun_is_over(
    works: Upstream, person: Browser
) -> None:
    await works.link(person)
    thief = works.world.browser()
    await works.sign_in(thief)
    assert "The link was removed" in await unlink(person)
    assert await person_of(thief) is None
    assert await person_of(person) == "Some Person"
    assert (await works.sign_in(works.world.browser())).status_code == 403
    assert 'data-value="upstream-unlinked"' in (await person.http.get(HERE)).text
    stranger = await works.world.stranger()
    assert (await works.link(stranger)).status_code == 200, "it is free again"


async def test_the_last_way_to_sign_in_is_not_taken_away(world: World, internet: Internet) -> None:
    works, browser = upstream(world, internet, admits=Admits.ANYBODY), world.browser()
    await works.sign_in(browser)
    page = (await browser.http.get(HERE)).text
    assert "It is your only way in" in page
    assert 'name="unlink"' not in page
    assert "only way in which you can sign in" in await unlink(browser)
    other = world.browser()
    assert (await works.sign_in(other)).status_code == 303
    assert (await session_of(other)).subject == (await session_of(browser)).subject


async def test_nobody_unlinks_what_is_somebody_elses(works: Upstream, person: Browser) -> None:
    await works.link(person)
    page = await person.http.get(HERE)
    identity_id = page.text.partition('data-fact="identity" data-value="')[2].partition('"')[0]
    stranger = await works.world.stranger()
    answer = await stranger.submit("/account/upstream", await stranger.http.get(HERE), unlink=identity_id)
    assert "There is no such link" in answer.text
    assert (await works.sign_in(works.world.browser())).status_code == 303


async def test_a_form_that_names_nothing_or_nobody_is_an_error(works: Upstream, person: Browser) -> None:
    page = await person.http.get(HERE)
    for fields in ({}, {"link": "nobody"}):
        assert (await person.submit("/account/upstream", page, **fields)).status_code == 400
    assert (await person.http.post("/account/upstream", data={"link": NAME})).status_code == 403


async def test_a_link_to_a_provider_that_is_gone_is_shown_as_that(works: Upstream, person: Browser) -> None:
    await works.link(person)
    works.world.providers = ()
    works.world.restart()
    later = works.world.browser()
    later.http.cookies.update(person.http.cookies)
    page = (await later.http.get(HERE)).text
    assert "One cannot sign in by it at present." in page
    assert HOST in page
    answer = await press(later, await later.http.get("/"), "/sign-out")
    assert "You can close this page" in answer.text


@pytest.mark.requirement("A13")
async def test_a_bound_session_is_shown_by_its_browser_before_anything_is_linked(
    works: Upstream, person: Browser
) -> None:
    """Who comes from the provider's site is not let refresh the bound cookie; from the page in between they are."""
    asked = await works.begin_linking(person)
    works.answers(works.id_token(asked))
    world, session_id = works.world, (await session_of(person)).session_id
    bound = {"session_id": session_id, "identifier": "b", "jwk": {}, "registered_at": world.now - 300}
    await world.database.write(lambda connection: connection.execute(bound_sessions.insert(), bound).rowcount)
    answer = await works.come_back(person, asked)
    assert (answer.status_code, answer.headers["refresh"].startswith("0; url=/sign-in/upstream/")) == (403, True)
    again = await works.come_back(person, asked, again="yes")
    assert (again.status_code, "refresh" in again.headers) == (403, False)
    await world.database.write(lambda connection: connection.execute(bound_sessions.delete()).rowcount)
    assert "The accounts are linked" in (await works.come_back(person, asked, again="yes")).text
