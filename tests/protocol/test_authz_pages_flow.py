"""Signing in and choosing the task: the pages as a browser meets them."""

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from authz_world import DESKTOP_URI, ISSUER, World, hidden

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("A8", "T4", "R5")
async def test_the_person_chooses_among_open_tasks_and_the_answer_names_the_one_chosen(world: World) -> None:
    first, browser = world.device(), world.browser()
    await browser.sign_in()
    await first.authorize(browser)
    task_id = first.tokens["authorization_details"][0]["task_id"]
    second = world.device()
    page = await browser.http.get("/authorize?" + urlencode(second.request("v" * 43)))
    assert "Acme contract revision" in page.text
    assert task_id in page.text
    redirect = await browser.submit("/authorize", page, task=task_id, name="", decision="approve")
    code = parse_qs(urlsplit(redirect.headers["location"]).query)["code"][0]
    answer = await second.token("authorization_code", code=code, redirect_uri=DESKTOP_URI, code_verifier="v" * 43)
    assert answer.json()["authorization_details"][0]["task_id"] == task_id


@pytest.mark.requirement("RFC9207-2", "A4")
async def test_the_answer_carries_state_and_issuer(world: World) -> None:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    redirect, _ = await desktop.ask(browser)
    answer = parse_qs(urlsplit(redirect.headers["location"]).query)
    assert (redirect.status_code, answer["state"], answer["iss"]) == (303, ["s1"], [ISSUER])


@pytest.mark.requirement("PROFILE-consent-once")
async def test_a_form_sent_twice_begins_one_task(world: World) -> None:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    page = await browser.http.get("/authorize?" + urlencode(desktop.request("v" * 43)))
    for _ in range(2):
        await browser.submit("/authorize", page, task="new", name="Twice", decision="approve")
    assert len(world.cards.tasks) == 1


@pytest.mark.requirement("RFC6749-4-1-2-1")
async def test_declining_tells_the_client_so(world: World) -> None:
    desktop, browser = world.device(), world.browser()
    await browser.sign_in()
    page = await browser.http.get("/authorize?" + urlencode(desktop.request("v" * 43)))
    redirect = await browser.submit("/authorize", page, task="new", name="x", decision="deny")
    assert parse_qs(urlsplit(redirect.headers["location"]).query)["error"] == ["access_denied"]
    assert not world.cards.tasks


@pytest.mark.requirement("RFC6749-4-1-2-1", "XD-AUTH-01", "RFC6749-3-1-2-3", "MCP-REDIRECT-b", "MCP-REDIRECT-c")
@pytest.mark.parametrize(
    "change", [{"client_id": "nobody"}, {"redirect_uri": "https://evil.example/"}, {"redirect_uri": DESKTOP_URI + "?x"}]
)
async def test_an_unregistered_client_or_address_is_shown_and_never_redirected_to(
    world: World, change: dict[str, str]
) -> None:
    browser = world.browser()
    await browser.sign_in()
    answer = await browser.http.get("/authorize?" + urlencode(world.device().request("v" * 43) | change))
    assert answer.status_code == 400
    assert "location" not in answer.headers


def details(**members: object) -> dict[str, str]:
    detail = {"type": "task", "actions": ["task:read"]} | members
    return {"authorization_details": json.dumps([detail])}


@pytest.mark.requirement("RFC7636-4-4", "RFC9396-5", "XD-RAR-01", "A5")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"dpop_jkt": ""}, "invalid_request"),
        ({"authorization_details": "{"}, "invalid_authorization_details"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        (details(type="account"), "invalid_authorization_details"),
        (details(actions=["everything"]), "invalid_authorization_details"),
        (details(actions=[]), "invalid_authorization_details"),
        (details(more=1), "invalid_authorization_details"),
    ],
)
async def test_a_wrong_request_goes_back_to_the_client_with_its_error(
    world: World, change: dict[str, str], error: str
) -> None:
    browser = world.browser()
    await browser.sign_in()
    answer = await browser.http.get("/authorize?" + urlencode(world.device().request("v" * 43) | change))
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == [error]


@pytest.mark.requirement("A5", "PROFILE-foreign-is-missing")
async def test_a_task_that_is_not_the_persons_is_shown_as_missing_with_a_way_back(world: World) -> None:
    browser = world.browser()
    await browser.sign_in()
    request = world.device().request("v" * 43) | details(task_id="tsk_foreign")
    answer = await browser.http.get("/authorize?" + urlencode(request))
    assert answer.status_code == 403
    assert "error=access_denied" in answer.text


@pytest.mark.requirement("A12")
async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(world: World) -> None:
    texts = set()
    for username, password in (("person", "wrong"), ("nobody", "wrong")):
        answer = await world.browser().sign_in(password, username)
        assert answer.status_code == 401
        texts.add(answer.text.replace(username, "").replace(hidden(answer.text)["csrf"], ""))
    assert len(texts) == 1


@pytest.mark.requirement("A12", "RFC10027-6-1-11", "RFC6749-10-10-b")
async def test_guessing_passwords_is_slowed_down_for_the_guesser_alone(world: World) -> None:
    guesser = world.browser()
    answers = [(await guesser.sign_in("wrong")).status_code for _ in range(12)]
    assert answers[-1] == 429
    world.network = "203.0.113.5"
    assert (await world.browser().sign_in()).status_code == 303


@pytest.mark.requirement("A12", "XD-WEB-06")
async def test_signing_in_changes_the_cookie(world: World) -> None:
    browser = world.browser()
    await browser.http.get("/sign-in")
    before = browser.http.cookies["segue"]
    await browser.sign_in()
    assert browser.http.cookies["segue"] != before


@pytest.mark.requirement("A12", "XD-WEB-10")
async def test_a_cookie_is_for_this_host_and_no_script(world: World) -> None:
    cookie = (await world.http().get("/sign-in")).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "domain" not in cookie


@pytest.mark.requirement("XD-WEB-01")
async def test_a_form_from_elsewhere_is_refused(world: World) -> None:
    browser = world.browser()
    await browser.sign_in()
    foreign = hidden((await world.http().get("/sign-in")).text)["csrf"]
    for csrf in (foreign, ""):
        answer = await browser.http.post("/sign-out", data={"csrf": csrf})
        assert answer.status_code == 403
    assert (await browser.http.get("/")).status_code == 200


@pytest.mark.requirement("XD-WEB-03")
@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil", "evil"])
async def test_after_signing_in_nobody_is_sent_elsewhere(world: World, target: str) -> None:
    browser = world.browser()
    page = await browser.http.get("/sign-in", params={"return_to": target})
    answer = await browser.submit(
        "/sign-in", page, username="person", password="correct horse battery", return_to=target
    )
    assert answer.headers["location"] == "/"


@pytest.mark.requirement("A12")
async def test_signing_out_ends_the_session_even_for_a_copied_cookie(world: World) -> None:
    browser, copy = world.browser(), world.http()
    await browser.sign_in()
    copy.cookies.set("segue", browser.http.cookies["segue"])
    assert (await copy.get("/")).status_code == 200
    await browser.submit("/sign-out", await browser.http.get("/"))
    assert (await copy.get("/")).status_code == 303


@pytest.mark.requirement("PROFILE-fail-closed")
async def test_without_the_task_store_the_page_says_so_and_nothing_is_decided(world: World) -> None:
    browser = world.browser()
    await browser.sign_in()
    world.cards.away = True
    answer = await browser.http.get("/authorize?" + urlencode(world.device().request("v" * 43)))
    assert answer.status_code == 503


@pytest.mark.requirement("A14", "RFC8414-3", "XD-META-05", "RFC6749-3-1-e")
async def test_metadata_names_only_what_there_is(world: World) -> None:
    http = world.http()
    document = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert document["issuer"] == ISSUER
    assert document["dpop_signing_alg_values_supported"] == ["ES256"]
    for name, address in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert "#" not in address
            path = address.removeprefix(ISSUER)
            answers = [await http.get(path), await http.post(path, data={})]
            assert any(answer.status_code not in (404, 405) for answer in answers), name


@pytest.mark.requirement("XD-WEB-07")
async def test_pages_and_protocol_endpoints_are_apart_for_scripts_of_other_origins(world: World) -> None:
    http = world.http()
    origin = {"Origin": "https://desktop.example"}
    preflight = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "dpop"}
    assert (await http.options("/token", headers=preflight)).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in (await http.get("/sign-in", headers=origin)).headers
