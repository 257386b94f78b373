"""Signing in at a provider of other people, npm `oidc-provider`: its pages, its refusals, and both of its logouts."""

import re
import time
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2
import pytest
from oidc_provider.person import Forms
from server_process import PATIENCE
from upstream_stage import LABEL, NAME, UpstreamStage, upstream_stage

pytestmark = pytest.mark.requirement("A12")
MOST = 20
"""Pages and redirects on the way."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpstreamStage]:
    with upstream_stage(tmp_path_factory.mktemp("upstream")) as opened:
        yield opened


@pytest.fixture
def browser(stage: UpstreamStage) -> Iterator[httpx2.Client]:
    with stage.browser() as opened:
        yield opened


def send(browser: httpx2.Client, page: httpx2.Response, action: str, **fields: str) -> httpx2.Response:
    """The form of the page that goes there."""
    (form,) = [each for each in Forms(page.text).found if each.action == action]
    hidden = {name: value for name, value in form.fields.items() if name not in ("username", "password")}
    return browser.post(urljoin(str(page.url), action), data=hidden | fields)


def to_the_provider(browser: httpx2.Client, **query: str) -> httpx2.Response:
    """Press the button; the provider's first answer."""
    page = browser.get("/sign-in?" + urlencode(query))
    return browser.get(way_there(send(browser, page, f"/sign-in/upstream/{NAME}")))


def way_there(going: httpx2.Response) -> str:
    found = re.search(r'content="0; url=([^"]*)"', going.text)
    assert found, going.text
    return unescape(found[1])


def there(
    browser: httpx2.Client, answer: httpx2.Response, *, login: str = "dana", until: Callable[[str], bool]
) -> httpx2.Response:
    """Go through the provider's pages until an address of ours is the next one; what stands there."""
    for _ in range(MOST):
        if answer.is_redirect:
            address = urljoin(str(answer.url), answer.headers["Location"])
            answer = browser.get(address)
            if until(address):
                return answer
            continue
        form = Forms(answer.text).found[0]
        typed = {"login": login, "password": "any"}
        fields = {name: typed.get(name, value) for name, value in form.fields.items()}
        fields |= {"logout": "yes"} if form.action.endswith("/session/end/confirm") else {}
        answer = browser.post(urljoin(str(answer.url), form.action), data=fields)
    raise AssertionError(f"it ended at {answer.url}")


def come_back(stage: UpstreamStage, browser: httpx2.Client, answer: httpx2.Response, **how: str) -> httpx2.Response:
    return there(browser, answer, until=lambda address: address.startswith(f"{stage.here}/sign-in/upstream/"), **how)


def signed_in(browser: httpx2.Client) -> bool:
    return browser.get("/devices").status_code == 200


def test_a_person_signs_in_there_and_goes_on_here(stage: UpstreamStage, browser: httpx2.Client) -> None:
    answer = come_back(stage, browser, to_the_provider(browser, return_to="/devices"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
    assert signed_in(browser)
    with stage.browser() as other:
        assert not signed_in(other)
        come_back(stage, other, to_the_provider(other), login="somebody else")
        names = [re.findall(r'data-fact="person_name">([^<]*)<', each.get("/").text) for each in (browser, other)]
        assert names[0] != names[1]


def test_an_account_is_linked_and_opens_by_the_provider_from_then_on(
    stage: UpstreamStage, browser: httpx2.Client
) -> None:
    person = stage.deployment.person
    page = browser.get("/sign-in")
    send(browser, page, "/sign-in", username=person.username, password=person.password)
    going = send(browser, browser.get("/account/security"), "/account/upstream", link=NAME)
    answer = come_back(stage, browser, browser.get(way_there(going)), login="linked")
    assert (answer.status_code, "The accounts are linked" in answer.text) == (200, True)
    with stage.browser() as other:
        come_back(stage, other, to_the_provider(other), login="linked")
        assert re.findall(r'data-fact="person_name">([^<]*)<', other.get("/").text) == ["Demo account"]


def test_who_is_signed_in_there_has_to_sign_in_again_where_a_fresh_sign_in_is_due(
    stage: UpstreamStage, browser: httpx2.Client
) -> None:
    come_back(stage, browser, to_the_provider(browser))
    answer = to_the_provider(browser, anew="yes", return_to="/devices?x=1")
    pages = browser.get(urljoin(str(answer.url), answer.headers["Location"]))
    assert 'name="login"' in pages.text, "the provider asks for it"
    answer = come_back(stage, browser, pages)
    assert answer.headers["location"].startswith("/devices?x=1&signed_in=")


def test_who_does_not_go_on_there_is_told_so_and_has_the_other_ways(
    stage: UpstreamStage, browser: httpx2.Client
) -> None:
    answer = to_the_provider(browser, return_to="/devices")
    pages = browser.get(urljoin(str(answer.url), answer.headers["Location"]))
    abort = next(link for link in re.findall(r'href="([^"]*)"', pages.text) if link.endswith("/abort"))
    answer = browser.get(urljoin(str(pages.url), abort))
    answer = come_back(stage, browser, answer)
    assert (answer.status_code, "did not go on there" in answer.text) == (403, True)
    assert "/sign-in?return_to=%2Fdevices" in answer.text
    assert not signed_in(browser)


def test_a_code_that_was_used_already_and_a_strangers_answer_do_not_count(
    stage: UpstreamStage, browser: httpx2.Client
) -> None:
    answer = to_the_provider(browser)
    held: list[str] = []

    def hold(address: str) -> bool:
        held.append(address)
        return address.startswith(f"{stage.here}/sign-in/upstream/")

    there(browser, answer, until=hold)
    with stage.browser() as victim:
        victim.get("/sign-in")
        assert victim.get(held[-1]).status_code == 400
        assert not signed_in(victim)
    assert browser.get(held[-1]).status_code == 400
    asked = dict(parse_qsl(urlsplit(held[-1]).query))
    assert asked["iss"] == stage.issuer
    assert asked["code"] not in stage.logged()
    assert asked["state"] not in stage.logged()


def test_who_signs_out_here_is_led_to_sign_out_there_and_back(stage: UpstreamStage, browser: httpx2.Client) -> None:
    come_back(stage, browser, to_the_provider(browser), login="leaving")
    with stage.browser() as other:
        come_back(stage, other, to_the_provider(other), login="staying")
        answer = send(browser, browser.get("/"), "/sign-out")
        link = re.search(rf'href="([^"]*)">Sign out at {LABEL} too', answer.text)
        assert link is not None, answer.text
        asked = browser.get(unescape(link[1]))
        back = there(browser, asked, until=lambda address: address.startswith(f"{stage.here}/signed-out"))
        assert "You are signed out" in back.text
        assert not signed_in(browser)
        assert signed_in(other)
        again = to_the_provider(browser)
        assert 'name="login"' in browser.get(urljoin(str(again.url), again.headers["Location"])).text


def test_a_logout_at_the_provider_arrives_by_the_backchannel(stage: UpstreamStage, browser: httpx2.Client) -> None:
    come_back(stage, browser, to_the_provider(browser), login="roaming")
    assert signed_in(browser)
    page = browser.get(f"{stage.issuer}/session/end")
    form = Forms(page.text).found[0]
    browser.post(urljoin(str(page.url), form.action), data=form.fields | {"logout": "yes"})
    until = time.monotonic() + PATIENCE
    while signed_in(browser):
        assert time.monotonic() < until, stage.logged()
        time.sleep(0.05)
    assert "logout at there: 1 sessions ended" in stage.logged()
